import type { Writable } from 'node:stream'
import pg from 'pg'
import { alignedTable, type Column } from './aligned-table.ts'
import { report } from './report.ts'

/** Types that psql puts to the right, by OID: int8, int2, int4, oid, xid, cid, float4, float8, money, numeric, xid8. */
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069])
/** Commands of which psql shows the tag also where they return rows. */
const CHANGES = /^(INSERT|UPDATE|DELETE|MERGE)\b/

export interface Console {
  readonly stdout: Pick<Writable, 'write'>
  readonly stderr: Pick<Writable, 'write'>
}

/**
 * Runs the statements of a text as `psql -c` does: in one message, so in one transaction unless they say otherwise. Results
 * are printed as they come, like psql's. What is under way when `signal` aborts is cancelled. Resolves with whether none
 * failed.
 */
export async function runSql(
  url: string,
  sql: string,
  { stdout, stderr }: Console,
  signal?: AbortSignal,
): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, fallback_application_name: 'blobgres' })
  client.on('error', () => {}) // whoever waits for an answer is told too
  await client.connect()
  try {
    client.on('notice', notice => stderr.write(report(notice, sql)))
    const error = await new Promise<Error | undefined>(resolve => {
      client.query(new Script(sql, stdout, resolve))
      signal?.addEventListener('abort', () => requestCancel(client), { once: true })
    })
    if (error === undefined) return true
    if (!(error instanceof pg.DatabaseError)) throw error
    stderr.write(report(error, sql))
    return false
  } finally {
    await client.end().catch(() => {}) // it may be lost
  }
}

/** As Ctrl-C in psql does. pg has what that takes, its types do not. */
function requestCancel(client: pg.Client): void {
  const { host, port, processID, secretKey } = client as unknown as Cancellable
  const connection = new pg.Connection() as unknown as Canceller
  connection.on('connect', () => connection.cancel(processID, secretKey))
  connection.on('error', () => {}) // there is nothing to cancel then
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
  else connection.connect(port, host)
}

interface Cancellable {
  readonly host: string
  readonly port: number
  readonly processID: number
  readonly secretKey: number
}

interface Canceller {
  on(event: string, listener: () => void): void
  connect(portOrPath: number | string, host?: string): void
  cancel(processID: number, secretKey: number): void
}

/** What pg-protocol makes of the messages that `Script` looks at. */
interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}

interface Connection {
  query(text: string): void
  sendCopyFail(message: string): void
}

/** What pg's client calls while the results of a text come in. */
class Script {
  readonly #sql: string
  readonly #stdout: Console['stdout']
  readonly #resolve: (error: Error | undefined) => void
  /** Of the result under way. */
  #columns: readonly Column[] | undefined
  #rows: (string | null)[][] = []
  #isCopyOut = false

  constructor(sql: string, stdout: Console['stdout'], resolve: (error: Error | undefined) => void) {
    this.#sql = sql
    this.#stdout = stdout
    this.#resolve = resolve
  }

  submit(connection: unknown): void {
    const { query } = connection as Connection
    query.call(connection, this.#sql)
  }

  handleRowDescription({ fields }: RowDescription): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, isNumber: NUMBERS.has(dataTypeID) }))
  }

  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    this.#rows.push(fields)
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const columns = this.#columns
    if (columns !== undefined) this.#stdout.write(alignedTable({ columns, rows: this.#rows }))
    if ((columns === undefined && !this.#isCopyOut) || CHANGES.test(text)) this.#stdout.write(`${text}\n`)
    this.#columns = undefined
    this.#rows = []
    this.#isCopyOut = false
  }

  handleEmptyQuery(): void {}

  handleCopyInResponse(connection: Connection): void {
    connection.sendCopyFail('COPY FROM STDIN has nothing to read here')
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#isCopyOut = true
    this.#stdout.write(chunk)
  }

  handleError(error: Error): void {
    this.#resolve(error)
  }

  handleReadyForQuery(): void {
    this.#resolve(undefined)
  }
}
