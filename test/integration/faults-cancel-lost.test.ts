import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type SocketServer, standBetween } from '../support/socket-server.ts'

const CANCEL_REQUEST = 80877102

/** As when it comes while the backend is between two messages of the extended protocol. */
describe.each(servers)('A request to cancel that cancels nothing, on PostgreSQL $version', server => {
  let backend: SocketServer
  let stack: CopyStack
  let lost = 0
  beforeAll(async () => {
    backend = await standBetween(server, (client, upstream) => {
      upstream.pipe(client)
      client.once('data', (first: Buffer) => {
        if (first.length >= 8 && first.readInt32BE(4) === CANCEL_REQUEST && lost++ === 0) client.destroy()
        else client.pipe(upstream).write(first)
      })
    })
    const { superuser: user } = server
    const address = { host: '127.0.0.1', port: backend.port }
    stack = await startCopyStack(server, {
      backend: backendConfig({ ...address, user, password: undefined, database: 'postgres' }),
    })
  })
  afterAll(async () => {
    await stack.close()
    await backend.close()
  })

  it('does not leave the backend waiting for a blob that will not be', async () => {
    await stack.client.query('CREATE TABLE two AS SELECT 1 AS a, 2 AS b')
    const text = `COPY two TO '${stack.blobUrl('two.txt')}' WITH (FORMAT text)`
    expect(await errorOf(stack.client.query({ text, queryMode: 'extended' } as never))).toMatchObject({
      message: 'azure_storage: can only use text encoder with a single column',
    })
    expect(lost).toBe(2)
    expect((await stack.client.query('SELECT 5 AS five')).rows).toEqual([{ five: 5 }])
  })
})
