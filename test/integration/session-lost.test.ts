import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'
import { cancelPacket, run, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const { query, sync } = wire

/** With a storage that does not answer, a transfer lasts until somebody ends it. */
describe.each(servers)('The end of a transfer that hangs on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: StalledStorage
  let client: WireClient
  beforeAll(async () => {
    storage = await startStalledStorage()
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.client.query('CREATE TABLE source AS SELECT 1 AS a; CREATE TABLE log (a int)')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })
  beforeEach(async () => {
    client = await WireClient.connect(stack.url())
    return () => client.kill('fin')
  })

  const url = (): string => `${storage.endpointTemplate.replace('{account}', 'devacct1')}/container/f.csv`
  const sql = (direction: string): string =>
    `COPY ${direction === 'import' ? 'log FROM' : 'source TO'} '${url()}'; INSERT INTO log VALUES (2)`

  const soon = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 15_000, interval: 20 })

  /** Resolves when the storage has been asked for something. */
  async function hang(bytes: Buffer): Promise<void> {
    client.send(bytes)
    await soon(async () => expect(storage.open).toBeGreaterThan(0))
  }

  async function nothingIsLeft(pid: number): Promise<void> {
    await soon(async () => {
      expect((await stack.client.query(`SELECT state, query FROM pg_stat_activity WHERE pid = ${pid}`)).rows).toEqual(
        [],
      )
      expect(
        (
          await stack.client.query(`SELECT * FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
        ).rows,
      ).toEqual([])
      expect(storage.open).toBe(0)
    })
    expect((await stack.client.query('TABLE log')).rows).toEqual([])
  }

  const exchanges = ['import', 'export'].flatMap(direction => [
    [direction, 'query', () => query(sql(direction))] as const,
    [direction, 'pipeline', () => Buffer.concat([...sql(direction).split(';').map(run), sync])] as const,
  ])

  describe.each(exchanges)('%s in a %s', (_, __, bytes) => {
    it.each(['fin', 'reset'] as const)('client lost (%s)', async how => {
      await hang(bytes())
      client.kill(how)
      await nothingIsLeft(client.pid)
    })

    it('backend terminated', async () => {
      await hang(bytes())
      await stack.client.query(`SELECT pg_terminate_backend(${client.pid})`)
      const error = 'E FATAL 57P01 terminating connection due to administrator command'
      expect((await client.until('EOF')).slice(-2)).toEqual([error, 'EOF'])
      await nothingIsLeft(client.pid)
    })

    it('cancelled', async () => {
      await hang(bytes())
      const canceller = await WireClient.open(stack.url())
      canceller.send(cancelPacket(client.key))
      const replies = await client.until('Z')
      expect(replies.slice(-2)).toEqual(['E ERROR 57014 canceling statement due to user request', 'Z I'])
      await canceller.close()
      expect(await client.value('SELECT 5')).toBe('5')
      await client.close()
      await nothingIsLeft(client.pid)
    })
  })

  it('client lost before its statement begins', async () => {
    client.send(query('SELECT pg_sleep(0.5)'), query(sql('export')))
    await new Promise(resolve => setTimeout(resolve, 100))
    client.kill('reset')
    await nothingIsLeft(client.pid)
  })

  it('client lost while a statement before it runs', async () => {
    client.send(query(`SELECT pg_sleep(0.7); ${sql('export')}`))
    await new Promise(resolve => setTimeout(resolve, 300))
    client.kill('reset')
    await nothingIsLeft(client.pid)
  })
})
