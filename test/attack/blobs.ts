import { readFileSync, writeFileSync } from 'node:fs'
import pg from 'pg'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { createDatabase } from '../support/database.ts'
import { startReplica } from '../support/replicas.ts'
import { azurite } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'
import type { Attack, AttackReport } from './attack.ts'
import { type Bomb, rowBombs } from './bombs.ts'

const AT_ONCE = 10
const TIMEOUT_SECONDS = 60
const MAX_PEAK_MB = 1024
/** What a statement on a bomb may end with: PostgreSQL's words for bad data and limits, or the end of its time. */
const EXPECTED = /^(?:22|42|53|54|57014|0A)/

/** Blobs that are much more than they seem, ten of each at once: the proxy keeps its memory, and each session goes on. */
export const blobs: Attack = {
  name: 'hostile blobs',
  async run({ server, signal }): Promise<AttackReport> {
    const findings: string[] = []
    const figures: Record<string, number> = {}
    let attempts = 0
    const replica = await startReplica(server)
    const database = await createDatabase(server)
    const container = await createContainer('bombs')
    const connectionString = `postgres://${server.superuser}@${replica.address.host}:${replica.address.port}/${database.name}`
    const clients = Array.from({ length: AT_ONCE + 1 }, () => new pg.Client({ connectionString }))
    try {
      await callProxyFrom(server, database.name, replica)
      for (const client of clients) await client.on('error', error => findings.push(`a session: ${error}`)).connect()
      const [bystander, ...victims] = clients as [pg.Client, ...pg.Client[]]
      await bystander.query('CREATE EXTENSION azure_storage; CREATE TABLE t (a text)')
      await bystander.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      for (const bomb of rowBombs()) {
        if (signal.aborted) break
        await container.getBlockBlobClient(bomb.path).uploadData(bomb.contents)
        for (const statement of statementsOf(bomb, container.containerName)) {
          attempts += victims.length
          resetPeak(replica.pid)
          const before = performance.now()
          const watch = watchBystander(bystander)
          const ends = await Promise.all(victims.map(victim => endOf(victim, statement)))
          const slowest = await watch()
          const peak = peakMb(replica.pid)
          const name = `${bomb.path}${statement.startsWith('COPY') ? ' by COPY' : ''}`
          const wrong = ends.find(end => end !== 'rows' && !EXPECTED.test(end))
          if (wrong !== undefined) findings.push(`${name}: ${wrong}`)
          if (peak > MAX_PEAK_MB) findings.push(`${name}: the proxy takes ${peak} MB`)
          figures[`${bomb.kind}, peak MB`] = Math.max(figures[`${bomb.kind}, peak MB`] ?? 0, peak)
          figures['slowest SELECT 1, ms'] = Math.max(figures['slowest SELECT 1, ms'] ?? 0, Math.round(slowest))
          if (process.env.ATTACK_VERBOSE) {
            console.log(
              name,
              peak,
              'MB',
              Math.round(performance.now() - before),
              'ms, SELECT 1',
              Math.round(slowest),
              ends[0],
            )
          }
        }
      }
    } finally {
      await Promise.all(clients.map(client => client.end().catch(() => {})))
      replica.kill('SIGTERM')
      const { status, stderr } = await replica.ended
      if (status !== 0) findings.push(`the proxy ended with status ${status}: ${stderr}`)
      await database.drop()
      await container.delete()
    }
    return { attempts, findings, figures }
  },
}

function statementsOf({ path, columns, copy, decoder }: Bomb, container: string): string[] {
  const coder = decoder === undefined ? '' : `, decoder => '${decoder}', compression => 'gzip'`
  const get = `SELECT count(*) FROM azure_storage.blob_get('${account.name}', '${container}', '${path}'${coder}) AS t (${columns})`
  if (!copy) return [get]
  const url = `${azurite.endpointTemplate.replace('{account}', account.name)}/${container}/${path}`
  return [get, `COPY t FROM '${url}'`]
}

/** 'rows', or the error's code and message; then the session must still be there. */
async function endOf(client: pg.Client, statement: string): Promise<string> {
  const end = await client.query(`SET statement_timeout = '${TIMEOUT_SECONDS}s'; ${statement}`).then(
    () => 'rows',
    ({ code, message, where }) => `${code} ${message} ${where}`,
  )
  const { rows } = await client.query('SELECT 1 AS one')
  return rows[0]?.one === 1 ? end : `after ${end}: no answer`
}

/** Asks the proxy's other client all the time; returns what stops it and tells the longest time that an answer took. */
function watchBystander(client: pg.Client): () => Promise<number> {
  let stopped = false
  let slowest = 0
  const watching = (async () => {
    while (!stopped) {
      const before = performance.now()
      await client.query('SELECT 1')
      slowest = Math.max(slowest, performance.now() - before)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })()
  return async () => {
    stopped = true
    await watching
    return slowest
  }
}

const peakMb = (pid: number): number =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024)

const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')
