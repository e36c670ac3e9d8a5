import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBlobLoad } from '../support/blob-load.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack, withoutAcceleration } from '../support/copy-stack.ts'
import { type Relay, startLoopbackRelay } from '../support/relay.ts'
import { servers } from '../support/servers.ts'

const SESSIONS = 32

describe.each(servers)('many sessions with blob functions on PostgreSQL $version', server => {
  let stack: CopyStack
  let relay: Relay
  beforeAll(async () => {
    const started = await startLoopbackRelay()
    relay = started.relay
    stack = await startCopyStack(server, started.config)
    await withoutAcceleration(stack)
  })
  afterAll(async () => {
    await stack.close()
    await relay.close()
  })

  test('lose no row, and leave nothing behind', async () => {
    await stack.client.query('CREATE TABLE loaded (session int, n int, pad text)')
    const clients = await Promise.all(Array.from({ length: SESSIONS }, () => stack.connect()))
    const args = `'${account.name}', '${stack.container.containerName}'`
    const { rows, paths, rounds } = await runBlobLoad({ clients, args, milliseconds: 3500 })
    expect(rounds).toBeGreaterThanOrEqual(SESSIONS)
    expect((await stack.client.query('SELECT count(*)::int FROM loaded')).rows).toEqual([{ count: rows }])

    const listed: string[] = []
    for await (const blob of stack.container.listBlobsFlat({ includeUncommitedBlobs: true })) listed.push(blob.name)
    expect(new Set(listed)).toEqual(paths)
    expect(relay.opened).toBeGreaterThanOrEqual(3 * rounds)
    await expect.poll(() => relay.open).toBe(0)
    const left = `SELECT
        (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()
          AND backend_type = 'client backend' AND pid <> pg_backend_pid()) AS backends,
        (SELECT count(*)::int FROM pg_locks l JOIN pg_database d ON d.oid = l.database
          WHERE l.locktype = 'advisory' AND d.datname = current_database()) AS locks`
    expect((await stack.client.query(left)).rows).toEqual([{ backends: SESSIONS, locks: 0 }])
  })
})
