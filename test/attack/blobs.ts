import { readFileSync, writeFileSync } from 'node:fs'
import type { ContainerClient } from '@azure/storage-blob'
import pg from 'pg'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { createDatabase } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { type Replica, startReplica } from '../support/replicas.ts'
import { azurite } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'
import type { Attack, AttackReport } from './attack.ts'
import { allBombs, type Bomb, ROW_STATEMENTS } from './bombs.ts'

const AT_ONCE = 10
const TIMEOUT_SECONDS = 60
const MAX_PEAK_MB = 1024
/** What a statement may end with: words for bad data, limits and others who write, the end of its time, or of an engine. */
const EXPECTED = /^(?:rows$|22|42|53|54|55000|57014|0A|XX000 azure_storage: the Parquet engine failed)/

interface Shot {
  readonly kind: string
  readonly name: string
  readonly statement: string
  prepare(container: ContainerClient): Promise<unknown>
}

/** Blobs and rows that are much more than they seem, ten of each at once: the proxy keeps its memory, and each session goes on. */
export const blobs: Attack = {
  name: 'hostile blobs',
  enough: 16,
  async run({ server, seed, goesOn }): Promise<AttackReport> {
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
      await bystander.query('CREATE EXTENSION azure_storage; CREATE UNLOGGED TABLE t (a text)')
      await bystander.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      for (const shot of shots(container.containerName, new Random(seed))) {
        if (!goesOn(attempts)) break
        await shot.prepare(container)
        attempts += victims.length
        findings.push(...(await fire(shot, replica, bystander, victims, figures)))
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

/** Sends one statement in all sessions; returns what it should not have done. */
async function fire(
  { kind, name, statement }: Shot,
  replica: Replica,
  bystander: pg.Client,
  victims: readonly pg.Client[],
  figures: Record<string, number>,
): Promise<string[]> {
  resetPeak(replica.pid)
  const watch = watchBystander(bystander)
  const ends = await Promise.all(victims.map(victim => endOf(victim, statement)))
  const slowest = Math.round(await watch())
  const peak = peakMb(replica.pid)
  if (process.env.ATTACK_VERBOSE) console.log(kind, name, `${peak} MB, SELECT 1 ${slowest} ms`, ends[0])
  figures[`${kind}, peak MB`] = Math.max(figures[`${kind}, peak MB`] ?? 0, peak)
  figures['slowest SELECT 1, ms'] = Math.max(figures['slowest SELECT 1, ms'] ?? 0, slowest)
  const wrong = ends.filter(end => !EXPECTED.test(end)).slice(0, 1)
  return [...wrong, ...(peak > MAX_PEAK_MB ? [`the proxy takes ${peak} MB`] : [])].map(text => `${name}: ${text}`)
}

/** The kinds in turn, so that a short attack has something of each. */
function shots(container: string, random: Random): Shot[] {
  const all = [
    ...allBombs(random).flatMap(bomb => shotsOf(bomb, container)),
    ...rowShots(container),
    listing(container),
  ]
  const seen = new Map<string, number>()
  const turn = all.map(({ kind }) => {
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    return seen.get(kind) as number
  })
  return all
    .map((shot, i) => ({ shot, turn: turn[i] as number }))
    .sort((a, b) => a.turn - b.turn)
    .map(({ shot }) => shot)
}

function shotsOf({ kind, path, contents, columns, copy, decoder }: Bomb, container: string): Shot[] {
  const prepare = (client: ContainerClient): Promise<unknown> => client.getBlockBlobClient(path).uploadData(contents)
  const coder = decoder === undefined ? '' : `, decoder => '${decoder}', compression => 'gzip'`
  const get = `SELECT count(*) FROM azure_storage.blob_get(${placeOf(container, path)}${coder}) AS t (${columns})`
  const url = `${azurite.endpointTemplate.replace('{account}', account.name)}/${container}/${path}`
  const shot = { kind, name: path, statement: get, prepare }
  return copy
    ? [shot, { ...shot, name: `${path} by COPY`, statement: `BEGIN; COPY t FROM '${url}'; ROLLBACK` }]
    : [shot]
}

function rowShots(container: string): Shot[] {
  return Object.entries(ROW_STATEMENTS).map(([name, statement], i) => ({
    kind: 'rows',
    name: `rows: ${name}`,
    statement: statement.replace('{place}', placeOf(container, `rows-${i}`)),
    prepare: async () => {},
  }))
}

/** Names as long as they may be, full of what means something to XML, SQL and terminals. */
function listing(container: string): Shot {
  const name = (i: number): string => `${i}-${`<&>"'%;--\u202e€😀`.repeat(60)}`.slice(0, 900)
  const upload = async (client: ContainerClient): Promise<void> => {
    for (let i = 0; i < 300; i++) await client.getBlockBlobClient(name(i)).upload('', 0)
  }
  const statement = `SELECT count(*) FROM azure_storage.blob_list('${account.name}', '${container}')`
  return { kind: 'listing', name: 'names', statement, prepare: upload }
}

const placeOf = (container: string, path: string): string => `'${account.name}', '${container}', '${path}'`

/** 'rows', or the error's code and message; then the session must still be there. */
async function endOf(client: pg.Client, statement: string): Promise<string> {
  const end = await client.query(`SET statement_timeout = '${TIMEOUT_SECONDS}s'; ${statement}`).then(
    () => 'rows',
    ({ code, message }) => `${code} ${message}`,
  )
  await client.query('ROLLBACK')
  const { rows } = await client.query('SELECT 1 AS one')
  return rows[0]?.one === 1 ? end : `after ${end}: no answer`
}

/** Asks in another session all the time; returns what stops it and tells the longest time that an answer took. */
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
