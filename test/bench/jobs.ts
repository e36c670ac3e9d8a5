import pg from 'pg'
import { type BenchStack, sql } from './bench-stack.ts'
import { seconds } from './measure.ts'

/** A statement for any number of sessions at a time, none of which waits for another. */
export interface Job {
  readonly name: string
  /** Of what it takes in memory. */
  readonly kind: 'reading' | 'writing' | 'parquet'
  statement(stack: BenchStack, table: string, session: number): string
}

const target = (table: string, session: number): string => `${table}_target_${session}`

export const IMPORT_CSV: Job = {
  name: 'import csv',
  kind: 'reading',
  statement: ({ url }, table, session) => `COPY ${target(table, session)} FROM '${url(`${table}.csv`)}'`,
}

export const JOBS: readonly Job[] = [
  IMPORT_CSV,
  {
    name: 'export csv',
    kind: 'writing',
    statement: ({ url }, table, session) => `COPY ${table} TO '${url(`out-${session}.csv`)}'`,
  },
  {
    name: 'import parquet',
    kind: 'parquet',
    statement: ({ url }, table, session) => `COPY ${target(table, session)} FROM '${url(`${table}.parquet`)}'`,
  },
  {
    name: 'export parquet',
    kind: 'parquet',
    statement: ({ url }, table, session) => `COPY ${table} TO '${url(`out-${session}.parquet`)}'`,
  },
  {
    name: 'count(*) of blob_get(…)',
    kind: 'reading',
    statement: ({ account }, table) =>
      `SELECT count(*) FROM azure_storage.blob_get('${account}', 'bench', '${table}.csv', NULL::${table})`,
  },
  {
    name: 'blob_put(…) of a table',
    kind: 'writing',
    statement: ({ account }, table, session) =>
      `SELECT azure_storage.blob_put('${account}', 'bench', 'put-${session}.csv', t) FROM ${table} t`,
  },
]

/** The table that jobs read, its rows as blobs, and empty ones for them to import into. */
export async function prepareJobs(stack: BenchStack, table: string, query: string, sessions = 1): Promise<void> {
  const targets = Array.from({ length: sessions }, (_, i) => `CREATE TABLE ${target(table, i)} (LIKE ${table});`)
  await sql(stack.directPort, `CREATE TABLE ${table} AS ${query}; ${targets.join(' ')}`)
  await sql(stack.directPort, `VACUUM ANALYZE ${table}`)
  for (const format of ['csv', 'parquet'])
    await sql(stack.proxyPort, `COPY ${table} TO '${stack.url(`${table}.${format}`)}'`)
}

/** Seconds until all of `sessions`, connected before, have done the job. */
export async function runJob(
  stack: BenchStack,
  job: Job,
  table: string,
  sessions = 1,
  port = stack.proxyPort,
): Promise<number> {
  const numbers = [...Array(sessions).keys()]
  await sql(stack.directPort, `TRUNCATE ${numbers.map(each => target(table, each))}`)
  const clients = await Promise.all(numbers.map(() => connect(port)))
  try {
    return await seconds(() =>
      Promise.all(clients.map((client, session) => client.query(job.statement(stack, table, session)))),
    )
  } finally {
    await Promise.all(clients.map(client => client.end()))
  }
}

export async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', ssl: false })
  await client.connect()
  return client
}
