import { describe, expect, it } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { backendConfig } from '../../src/config/backend-url.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

describe.each(servers)("The proxy's own connections on PostgreSQL $version", server => {
  it('are soon missed by the server when their machine vanishes', async () => {
    const admin = await connectAdmin(testConfig(server).backend)
    const { rows } = await admin.query(
      `SELECT current_setting('tcp_keepalives_idle')::int
         + current_setting('tcp_keepalives_interval')::int * current_setting('tcp_keepalives_count')::int AS seconds`,
    )
    expect(rows).toEqual([{ seconds: 25 }])
    await admin.end()
  })

  it('may go through a Unix socket', async () => {
    const { backend } = testConfig(server)
    const socketPath = `${server.socketDir}/.s.PGSQL.${server.port}`
    const admin = await connectAdmin(backendConfig({ ...backend, password: undefined, socketPath }))
    expect((await admin.query('SELECT inet_client_addr() AS address')).rows).toEqual([{ address: null }])
    await admin.end()
  })
})
