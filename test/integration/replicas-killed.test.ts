import pg from 'pg'
import { expect, it, vi } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { announceAddress } from '../../src/loopback/address.ts'
import { account } from '../support/blobs.ts'
import { startCopyStack } from '../support/copy-stack.ts'
import { type Balancer, type Replica, startBalancer, startReplica } from '../support/replicas.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'
import { describeWith } from '../support/tools.ts'

const SESSIONS = 8
const ROWS = 2000
/** Rows of ROWS numbers, in some 50 KB. */
const LINES = Array.from({ length: ROWS }, (_, i) => `${i},${String(i).padStart(20, '.')}\n`).join('')

describeWith('HAProxy').each(servers)('Two proxies behind HAProxy on PostgreSQL $version', server => {
  it('one that is killed takes its own sessions along, and nothing else', async () => {
    const stack = await startCopyStack(server) // its own proxy is none of the two
    const replicas: Replica[] = []
    let balancer: Balancer | undefined
    try {
      replicas.push(...(await Promise.all([startReplica(server), startReplica(server)])))
      const [doomed, survivor] = replicas as [Replica, Replica]
      await callProxyFrom(server, stack.database.name, doomed, survivor)
      balancer = await startBalancer(replicas, server.superuser)
      await load(stack, balancer, doomed)
      // The dead one is still registered, and the first to be called by a session that came through none.
      const listing = `SELECT count(*)::int > 0 AS any FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
      const direct = new pg.Client({ connectionString: stack.database.url })
      await direct.connect()
      expect((await direct.query(listing)).rows).toEqual([{ any: true }])
      await direct.end()
    } finally {
      await balancer?.close()
      for (const replica of replicas) replica.kill('SIGTERM')
      await Promise.all(replicas.map(({ ended }) => ended))
      const admin = await connectAdmin(testConfig(server).backend)
      for (const { address } of replicas) await announceAddress(admin, `${address.host}:${address.port}`, 'nowhere')
      await admin.end()
      await stack.close()
    }
  })

  async function load(stack: Awaited<ReturnType<typeof startCopyStack>>, balancer: Balancer, doomed: Replica) {
    const { container } = stack
    const args = `'${account.name}', '${container.containerName}'`
    const source = await stack.put('source.csv', LINES)
    await stack.client.query('CREATE TABLE loaded (session int, round int, n int, pad text)')
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ ...balancer.address, user: server.superuser, database: stack.database.name })
      client.on('error', () => {})
      await client.connect()
      return client
    }
    const clients = await Promise.all(Array.from({ length: SESSIONS }, connect))
    const about = await Promise.all(
      clients.map(async client => {
        const { rows } = await client.query(
          "SELECT pg_backend_pid() AS pid, current_setting('azure_storage.proxy') AS proxy",
        )
        await client.query('CREATE TEMP TABLE staged (n int, pad text)')
        return rows[0] as { pid: number; proxy: string }
      }),
    )
    const isDoomed = about.map(({ proxy }) => proxy === `${doomed.address.host}:${doomed.address.port}`)
    expect(isDoomed.filter(Boolean)).toHaveLength(SESSIONS / 2)

    let over = false
    /** Statements that a session has been told to be done. */
    const done = clients.map(() => 0)
    const session = async (client: pg.Client, number: number): Promise<void> => {
      for (let round = 0; !over; round++) {
        const path = `load/${number}/${round}`
        const statements = [
          `BEGIN; TRUNCATE staged; COPY staged FROM '${source}';
           INSERT INTO loaded SELECT ${number}, ${round}, * FROM staged; COMMIT`,
          `COPY staged TO '${stack.blobUrl(`${path}/copy.csv`)}'`,
          `SELECT azure_storage.blob_put(${args}, '${path}/put.csv', q) FROM (SELECT * FROM staged ORDER BY n) q`,
          `INSERT INTO loaded SELECT ${number}, ${-1 - round}, *
           FROM azure_storage.blob_get(${args}, '${path}/put.csv') AS t (n int, pad text)`,
        ]
        for (const statement of statements) {
          await client.query(statement)
          done[number] = (done[number] as number) + 1
        }
      }
    }
    const outcomes = Promise.allSettled(clients.map(session))
    await vi.waitFor(() => expect(Math.min(...done)).toBeGreaterThan(3), { timeout: 20_000, interval: 20 })
    process.kill(doomed.pid, 'SIGKILL')
    const atKill = [...done]
    // A login that the dying one has taken fails; the next is the other's.
    const rest = await connect().catch(connect)
    expect((await rest.query("SELECT current_setting('azure_storage.proxy') AS proxy")).rows).not.toEqual([
      { proxy: `${doomed.address.host}:${doomed.address.port}` },
    ])
    await vi.waitFor(
      () => expect(done.every((each, i) => isDoomed[i] || each > (atKill[i] as number) + 4)).toBe(true),
      {
        timeout: 20_000,
        interval: 20,
      },
    )
    over = true
    const failed = (await outcomes).map(({ status }) => status === 'rejected')
    expect(failed).toEqual(isDoomed)

    const pids = about.filter((_, i) => isDoomed[i]).map(({ pid }) => pid)
    await vi.waitFor(
      async () => {
        const left = `SELECT FROM pg_stat_activity WHERE pid IN (${pids}) UNION ALL SELECT FROM pg_locks
          WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
        expect((await rest.query(left)).rowCount).toBe(0)
      },
      { timeout: 15_000, interval: 50 },
    )

    // What is there is whole; what was confirmed is there.
    const counts = await rest.query(
      `SELECT session, count(*)::int AS rounds, bool_and(whole) AS whole FROM (
         SELECT session, round, count(*) = ${ROWS} AND sum(n) = ${(ROWS * (ROWS - 1)) / 2} AS whole
         FROM loaded GROUP BY session, round
       ) AS each GROUP BY session ORDER BY session`,
    )
    const blobs = clients.map(() => 0)
    for await (const { name, properties } of container.listBlobsFlat({ prefix: 'load/' })) {
      expect(`${name}: ${properties.contentLength}`).toBe(`${name}: ${LINES.length}`)
      const number = Number(name.split('/')[1])
      blobs[number] = (blobs[number] as number) + 1
    }
    for (const [i, { rounds, whole }] of counts.rows.entries()) {
      const confirmed = done[i] as number
      const confirmedRounds = 2 * Math.floor(confirmed / 4) + Number(confirmed % 4 > 0)
      const confirmedBlobs = 2 * Math.floor(confirmed / 4) + Math.max(0, (confirmed % 4) - 1)
      // One statement may have ended unseen.
      const unseen = isDoomed[i] ? 1 : 0
      expect(whole).toBe(true)
      expect(rounds).toBeGreaterThanOrEqual(confirmedRounds)
      expect(rounds).toBeLessThanOrEqual(confirmedRounds + unseen)
      expect(blobs[i]).toBeGreaterThanOrEqual(confirmedBlobs)
      expect(blobs[i]).toBeLessThanOrEqual(confirmedBlobs + unseen)
    }
    for (const client of [...clients, rest]) await client.end().catch(() => {})
  }
})
