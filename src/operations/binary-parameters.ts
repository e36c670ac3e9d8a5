import { on } from 'node:events'
import pg, { type Client, type QueryConfig } from 'pg'
import { DatabaseError } from 'pg-protocol'
import { BinaryReader, type BinaryRow, binaryPlace } from '../formats/rows/binary-reader.ts'
import type { MemoryLease } from '../memory-budget.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type BaseType, baseTypes, closeTypes, type OpenType } from './binary-types.ts'
import type { Column } from './rows-of-blob.ts'

/** What one query takes: a round trip for each row would take too long, and so would reading it, were it larger. */
const QUERY_FIELDS = 2000
const QUERY_BYTES = 256 * 1024
/** As what a row comes back: no message takes long to read. */
const PIECE_BYTES = 64 * 1024
/** Of a row that is sent: as fields, as a message being made, and what comes back. */
const COPIES_OF_ROW = 8

/** Messages that wait to be taken, before the server's next ones do. */
const WAITING_PIECES = 64

/** What the rows of a file may take. */
export interface RowLimits {
  readonly maxRowBytes: number
  readonly memory: MemoryLease
}

/**
 * A binary COPY file as COPY's text format, read by a server that writes nothing: the fields are parameters in binary form,
 * which the receive functions of their types read, as in COPY. Needs a transaction of its own.
 * @throws PgError
 */
export async function* rowsAsParameters(
  admin: Client,
  { maxRowBytes, memory }: RowLimits,
  columns: readonly Column[],
  setEncoding: () => Promise<unknown>,
  file: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const types = await baseTypes(admin, columns)
  const unreadable = types.find(({ isReceived }) => !isReceived)
  if (unreadable !== undefined) throw noReceiveFunction(unreadable.name)
  await closeTypes(
    admin,
    types.map(({ oid }) => oid),
    type => lockRowType(admin, type),
  )
  await admin.query('SET LOCAL plan_cache_mode = force_generic_plan')
  await setEncoding()
  const reader = new BinaryReader(types.length, maxRowBytes)
  const query = new RowsQuery(admin, types)
  for await (const chunk of file) {
    reader.push(chunk)
    for (let row = reader.next(); row !== undefined; row = reader.next()) {
      query.add(row)
      if (query.isFull) yield* query.run()
    }
    await memory.hold(COPIES_OF_ROW * reader.heldBytes)
  }
  reader.end()
  for (let row = reader.next(); row !== undefined; row = reader.next()) query.add(row)
  yield* query.run()
}

/** The rows that are sent next, and the statement that makes lines of them. */
class RowsQuery {
  readonly #admin: Client
  readonly #columns: number
  readonly #most: number
  readonly #text: string
  readonly #types: QueryConfig['types']
  #rows: BinaryRow[] = []
  #bytes = 0
  /** Of the first row. */
  #line = 1

  constructor(admin: Client, types: readonly BaseType[]) {
    this.#admin = admin
    this.#columns = types.length
    this.#most = Math.max(1, Math.floor(QUERY_FIELDS / types.length))
    this.#text = linesOf(types.length, this.#most)
    const oids = Array.from({ length: this.#most }, () => types.map(({ oid }) => Number(oid)))
    // The driver takes from here both the parameters' types and how it reads a result.
    this.#types = Object.assign([INT4, ...oids.flat()], pg.types) as unknown as QueryConfig['types']
  }

  get isFull(): boolean {
    return this.#rows.length === this.#most || this.#bytes >= QUERY_BYTES
  }

  add(row: BinaryRow): void {
    this.#rows.push(row)
    for (const field of row) this.#bytes += field?.length ?? 0
  }

  async *run(): AsyncGenerator<Buffer> {
    const count = this.#rows.length
    if (count === 0) return
    const values = [count, ...this.#rows.flat()]
    // All queries are one statement: what is not there is NULL, and left out.
    while (values.length <= this.#most * this.#columns) values.push(null)
    try {
      yield* this.#pieces(values)
    } catch (error) {
      throw this.#asOfCopy(error)
    }
    this.#line += count
    this.#rows = []
    this.#bytes = 0
  }

  async *#pieces(values: unknown[]): AsyncGenerator<Buffer> {
    const { stream } = this.#admin.connection
    const query = new pg.Query<{ piece: Buffer }>({ name: 'rows', text: this.#text, values, types: this.#types })
    const rows = on(Object.assign(query, { pause: () => stream.pause(), resume: () => stream.resume() }), 'row', {
      close: ['end'],
      highWaterMark: WAITING_PIECES,
      lowWaterMark: 1,
    })
    // Whoever leaves the rows ends the connection, and with it the query: that nobody listens any more must not end the process.
    query.on('error', () => {})
    this.#admin.query(query)
    for await (const [{ piece }] of rows) yield piece
  }

  /** A receive function's error, in COPY's words. */
  #asOfCopy(error: unknown): unknown {
    if (!(error instanceof DatabaseError)) return error
    // In whatever language, the last line names the parameter.
    const where = error.where ?? ''
    const lastLine = where.lastIndexOf('\n') + 1
    const parameter = /\$(\d{1,5})$/.exec(where.slice(lastLine))
    if (parameter === null) return error
    const field = Number(parameter[1]) - 2
    const place = binaryPlace(this.#line + Math.floor(field / this.#columns), 1 + (field % this.#columns))
    const isRest = error.code === SQLSTATE.invalidBinaryRepresentation && error.routine === 'exec_bind_message'
    return new PgError({
      message: isRest ? 'incorrect binary data format' : error.message,
      code: error.code ?? SQLSTATE.internalError,
      detail: error.detail,
      hint: error.hint,
      context: `${where.slice(0, lastLine)}${place}`,
      cause: error,
    })
  }
}

const INT4 = 23

/** $1 rows of those in the other parameters as lines of COPY's text format, in the database's encoding, in pieces. */
function linesOf(columns: number, rows: number): string {
  const places = Array.from({ length: columns }, (_, i) => i)
  const row = (n: number): string => `(${[n + 1, ...places.map(i => `$${n * columns + i + 2}`)].join(', ')})`
  const names = places.map(i => `c${i}`)
  return `
SELECT pg_catalog.substr(line, at, ${PIECE_BYTES}) AS piece FROM (
  SELECT pg_catalog.convert_to(
    pg_catalog.array_to_string(ARRAY[${names.map(cell).join(', ')}], E'\\t', '\\N') OPERATOR(pg_catalog.||) E'\\n',
    pg_catalog.getdatabaseencoding()) AS line
  FROM (VALUES ${Array.from({ length: rows }, (_, n) => row(n)).join(', ')}) AS r (n, ${names.join(', ')})
  WHERE n OPERATOR(pg_catalog.<=) $1 OFFSET 0
) AS l, LATERAL pg_catalog.generate_series(1, pg_catalog.octet_length(line), ${PIECE_BYTES}) AS at`
}

/** format() asks the type's output function. A row of NULLs is one, and no NULL. */
function cell(name: string): string {
  const escaped = ['\\', 't', 'n', 'r'].reduce(
    (text, char) => `pg_catalog.replace(${text}, E'\\${char}', '${char === '\\' ? '\\\\' : `\\${char}`}')`,
    `pg_catalog.format('%s', ${name})`,
  )
  return `CASE WHEN pg_catalog.num_nulls(${name}) OPERATOR(pg_catalog.=) 0 THEN ${escaped} END`
}

/** LOCK TABLE is all that a standby has. */
async function lockRowType(admin: Client, { name, relation, isTable }: OpenType): Promise<void> {
  if (isTable) await admin.query(`LOCK TABLE ${relation} IN ACCESS SHARE MODE`)
  else {
    throw new PgError({
      message: `azure_storage: binary files cannot be read on a standby as a type that ${name} is a part of`,
      code: SQLSTATE.featureNotSupported,
      detail:
        "A row type that is no table's cannot be locked there, and its owner could make it run code as the proxy.",
    })
  }
}

const noReceiveFunction = (type: string): PgError =>
  new PgError({ message: `no binary input function available for type ${type}`, code: SQLSTATE.undefinedFunction })
