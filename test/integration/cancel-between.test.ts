import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type SocketServer, standBetween } from '../support/socket-server.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const CANCEL_REQUEST = 80877102

/** What the backend first answers to a statement is held back, and the request to cancel that comes then does not get to it. */
describe.each(servers)('A request to cancel between two messages to PostgreSQL $version', server => {
  let backend: SocketServer
  let stack: CopyStack
  let isHeldBack = false
  let heldBack: ((letGo: () => void) => void) | undefined
  beforeAll(async () => {
    backend = await standBetween(server, (client, upstream) => {
      upstream.pipe(client)
      client.on('data', (bytes: Buffer) => {
        if (isHeldBack && bytes.length >= 8 && bytes.readInt32BE(4) === CANCEL_REQUEST) {
          isHeldBack = false
          client.destroy()
          return
        }
        if (heldBack) {
          upstream.unpipe(client)
          heldBack(() => upstream.pipe(client))
          heldBack = undefined
          isHeldBack = true
        }
        upstream.write(bytes)
      })
    })
    const { superuser: user } = server
    const address = { host: '127.0.0.1', port: backend.port }
    stack = await startCopyStack(server, {
      backend: backendConfig({ ...address, user, password: undefined, database: 'postgres' }),
    })
    await stack.client.query('CREATE TABLE two (a int, b int); CREATE TABLE source AS SELECT 1 AS a, 2 AS b')
    await stack.put('two.csv', '1,2\n')
  })
  afterAll(async () => {
    await stack.close()
    await backend.close()
  })

  const blob = (path: string) => `'${account.name}', '${stack.container.containerName}', '${path}'`

  it.each([
    ['INSERT', () => `INSERT INTO two SELECT * FROM azure_storage.blob_get(${blob('two.csv')}, NULL::two)`],
    ['blob_put', () => `SELECT azure_storage.blob_put(${blob('out.csv')}, s) FROM source s`],
    ['COPY FROM', () => `COPY two FROM '${stack.blobUrl('two.csv')}'`],
    ['COPY TO', () => `COPY source TO '${stack.blobUrl('out.csv')}'`],
  ])('ends %s, which leaves nothing behind', async (_, text) => {
    const client = await WireClient.connect(stack.url())
    const held = new Promise<() => void>(resolve => {
      heldBack = resolve
    })
    client.send(wire.query(text()))
    const letGo = await held
    const canceller = await WireClient.open(stack.url())
    canceller.send(cancelPacket(client.key))
    await canceller.until('EOF')
    letGo()
    expect(await client.until('Z')).toContain('E ERROR 57014 canceling statement due to user request')
    expect((await stack.client.query('SELECT count(*)::int FROM two')).rows).toEqual([{ count: 0 }])
    expect(await stack.exists('out.csv')).toBe(false)
    client.close()
  })
})
