/** A minute of 32 sessions with blob functions, on PostgreSQL 15 and on 18: npm run build && npx tsx test/soak/blob-functions.ts [seconds] */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { peakRss, registerAccount, startBenchStack } from '../bench/bench-stack.ts'
import { runBlobLoad } from '../support/blob-load.ts'
import { startRelay } from '../support/relay.ts'

const SESSIONS = 32
const LEFT = `SELECT
  (SELECT count(*)::int FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS backends,
  (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks,
  (SELECT count(*)::int FROM loaded) AS rows`

async function soak(version: 15 | 18, seconds: number): Promise<void> {
  const stack = await startBenchStack(version)
  const relay = await startRelay({ host: '127.0.0.1', port: stack.proxyPort })
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: stack.proxyPort, user: 'postgres', database: 'postgres' })
    await client.connect()
    return client
  }
  try {
    const admin = await connect()
    await admin.query('CREATE EXTENSION azure_storage')
    await admin.query(registerAccount)
    await admin.query(
      `ALTER ROLE azure_storage_key IN DATABASE postgres SET azure_storage.loopback_addresses = '${relay.address}'`,
    )
    await admin.query('CREATE UNLOGGED TABLE loaded (session int, n int, pad text)')
    const clients = await Promise.all(Array.from({ length: SESSIONS }, connect))
    const { rows, rounds, paths } = await runBlobLoad({
      clients,
      args: `'${stack.account}', 'bench'`,
      milliseconds: seconds * 1000,
    })
    await sleep(3000)
    const listed: string[] = []
    for await (const blob of stack.container.listBlobsFlat({ includeUncommitedBlobs: true })) listed.push(blob.name)
    const left = (await admin.query(LEFT)).rows[0]
    const { opened, open } = relay
    const memory = `${Math.round(await peakRss(stack.proxyPid))} MiB at most`
    console.log(`PostgreSQL ${version}:`, { rounds, rows, opened, memory })
    expectEqual(
      { ...left, open, blobs: listed.sort() },
      { backends: SESSIONS, locks: 0, rows, open: 0, blobs: [...paths].sort() },
    )
    for (const client of [admin, ...clients]) await client.end()
  } finally {
    await relay.close()
    await stack.close()
  }
}

function expectEqual(actual: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== should) throw new Error(`${is}\ninstead of\n${should}`)
}

const seconds = Number(process.argv[2] ?? 60)
for (const version of [15, 18] as const) await soak(version, seconds)
