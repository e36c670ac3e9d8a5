import { connect } from 'node:net'
import { serialize } from 'pg-protocol'
import { expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { servers } from '../support/servers.ts'
import { standBetween } from '../support/socket-server.ts'
import { testConfig } from '../support/stack.ts'

it.each(servers)('shows no longer names than the server has, before it has seen them: $version', async server => {
  const between = await standBetween(server, (client, upstream) => {
    upstream.pipe(client)
    client.once('data', first => {
      if (first.includes('uuu')) return // the server is silent
      upstream.write(first)
      client.pipe(upstream)
    })
  })
  const proxy = await startProxy(testConfig({ ...server, port: between.port }), createLogger('silent'))
  const client = connect(proxy.address)
  try {
    client.write(serialize.startup({ user: 'u'.repeat(4000), database: 'd'.repeat(4000) }))
    await expect
      .poll(() => proxy.sessions.all.map(({ facts: { user, database } }) => [user, database]))
      .toEqual([['u'.repeat(63), 'd'.repeat(63)]])
  } finally {
    client.destroy()
    await proxy.close(0)
    await between.close()
  }
})
