/*
 * A process of its own that runs DuckDB for the proxy: what a hostile file does to native code ends here, and so does the
 * memory it takes. It reaches no file but the two that it is told to open.
 */
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { type DuckDBConnection, DuckDBInstance, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api'
import {
  type EngineAnswer,
  type EngineColumns,
  type EngineRequest,
  type EngineType,
  TOO_MANY_PARTS,
} from './engine-messages.ts'

const MEMORY_LIMIT = '768MB'

/** PostgreSQL's MaxTupleAttributeNumber. */
const MAX_COLUMNS = 1664
const SHOWN_COLUMNS = 50
const MAX_PARTS = 10_000
const MAX_NAME_LENGTH = 1000
const MAX_TYPE_LENGTH = 1000
const MAX_MESSAGE_LENGTH = 10_000

const CONFIGURATION: Readonly<Record<string, string>> = {
  memory_limit: MEMORY_LIMIT,
  // With a single one rows keep their order, and memory stays small.
  threads: '1',
  // Else row groups cannot be bounded by their size.
  preserve_insertion_order: 'false',
  temp_directory: '',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_persistent_secrets: 'false',
}

class Job {
  readonly #files: readonly number[]
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection

  private constructor(files: readonly number[], instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#files = files
    this.#instance = instance
    this.#connection = connection
  }

  static async open(source: string, target: string): Promise<Job> {
    // A pipe whose other end is gone must not keep this thread from noticing that the parent is gone as well.
    const files = [
      openSync(source, constants.O_RDONLY | constants.O_NONBLOCK),
      openSync(target, constants.O_WRONLY | constants.O_NONBLOCK),
    ]
    const instance = await DuckDBInstance.create(':memory:', CONFIGURATION)
    const connection = await instance.connect()
    await connection.run(`SET allowed_paths = [${files.map(file => `'${ownFile(file)}'`).join(', ')}]`)
    // Else WKB would come as a type of its own.
    await connection.run('SET enable_geoparquet_conversion = false')
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
    return new Job(files, instance, connection)
  }

  get opened(): EngineAnswer {
    const [source, target] = this.#files as [number, number]
    return { kind: 'opened', source: ownFile(source), target: ownFile(target) }
  }

  async describe(sql: string): Promise<EngineColumns> {
    const statement = await this.#connection.prepare(sql)
    const count = statement.columnCount
    const parts = { left: MAX_PARTS }
    const columns = Array.from({ length: count > MAX_COLUMNS ? SHOWN_COLUMNS : count }, (_, i) => {
      const type = statement.columnType(i)
      return { name: fieldName(statement.columnName(i)), type: engineType(type, typeName(type), parts) }
    })
    return { count, columns }
  }

  async run(sql: string): Promise<unknown[][]> {
    return (await this.#connection.runAndReadAll(sql)).getRowsJson()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
    for (const file of this.#files) closeSync(file)
  }
}

const ownFile = (descriptor: number): string => `/proc/self/fd/${descriptor}`

/** A file's own names and types come from whoever made it, and all that is answered goes through the proxy's memory. */
function engineType(type: DuckDBType, name: string, parts: { left: number }): EngineType {
  if (--parts.left < 0) throw new Error(TOO_MANY_PARTS)
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
      return { kind: 'list', name, element: partType(type.valueType, parts) }
    case DuckDBTypeId.STRUCT:
      return {
        kind: 'struct',
        name,
        fields: type.entryNames.map((entry, i) => ({
          name: fieldName(entry),
          type: partType(type.entryTypes[i] as DuckDBType, parts),
        })),
      }
    case DuckDBTypeId.MAP:
      return { kind: 'map', name }
    default:
      return { kind: 'scalar', name }
  }
}

/** The names of nested types repeat those of their parts: only a column's is shown to anybody. */
function partType(type: DuckDBType, parts: { left: number }): EngineType {
  const nested = [DuckDBTypeId.LIST, DuckDBTypeId.STRUCT, DuckDBTypeId.MAP].includes(type.typeId)
  return engineType(type, nested ? '' : typeName(type), parts)
}

const typeName = (type: DuckDBType): string => type.toString().slice(0, MAX_TYPE_LENGTH)

function fieldName(name: string): string {
  if (name.length > MAX_NAME_LENGTH) throw new Error(TOO_MANY_PARTS)
  return name
}

/** A message may hold a whole row; what it is about stands before or after that. */
const shortened = (message: string): string =>
  message.length <= MAX_MESSAGE_LENGTH
    ? message
    : `${message.slice(0, MAX_MESSAGE_LENGTH / 2)}…${message.slice(-MAX_MESSAGE_LENGTH / 2)}`

// If memory runs out, the kernel is to end this process and not the proxy or PostgreSQL.
try {
  writeFileSync('/proc/self/oom_score_adj', '1000')
} catch {
  // It is advice.
}

let job: Job | undefined

async function answer(request: EngineRequest): Promise<EngineAnswer> {
  if (request.kind === 'open') {
    job = await Job.open(request.source, request.target)
    return job.opened
  }
  if (job === undefined) throw new Error(`${request.kind} without files`)
  switch (request.kind) {
    case 'describe':
      return { kind: 'columns', ...(await job.describe(request.sql)) }
    case 'run':
      return { kind: 'rows', rows: await job.run(request.sql) }
    case 'close':
      job.close()
      job = undefined
      return { kind: 'closed' }
  }
}

process.on('message', async (request: EngineRequest) => {
  const reply = await answer(request).catch(
    (error: unknown): EngineAnswer => ({
      kind: 'failed',
      message: shortened(error instanceof Error ? error.message : String(error)),
    }),
  )
  process.send?.(reply)
})

// The parent is gone. A thread in the middle of a statement would keep an orderly exit waiting.
const die = (): boolean => process.kill(process.pid, 'SIGKILL')
process.on('disconnect', die)
if (!process.connected) die()
