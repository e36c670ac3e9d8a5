/*
 * A process of its own that runs DuckDB for the proxy: what a hostile file does to native code ends here, and so does the
 * memory it takes. It reaches no file but the two that it is told to open.
 */
import { closeSync, constants, openSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type DuckDBConnection, DuckDBInstance, type DuckDBType } from '@duckdb/node-api'
import { PgError } from '../../protocol/pg-error.ts'
import { engineColumns } from './engine-columns.ts'
import type { EngineAnswer, EngineRequest, FileContents } from './engine-messages.ts'
import { SourceFile } from './source-file.ts'
import { literal } from './sql-text.ts'

const MEMORY_LIMIT = '768MB'

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
  readonly #source: string
  readonly #target: string
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  #file: SourceFile | undefined

  private constructor(
    source: string,
    target: string,
    files: readonly number[],
    instance: DuckDBInstance,
    connection: DuckDBConnection,
  ) {
    this.#source = source
    this.#target = target
    this.#files = files
    this.#instance = instance
    this.#connection = connection
  }

  static async open(sourcePath: string, target: string): Promise<Job> {
    // A folder may be called anything: its name is not to be taken for a pattern, or for a partition's.
    process.chdir(dirname(sourcePath))
    const source = basename(sourcePath)
    // A pipe whose other end is gone must not keep this thread from noticing that the parent is gone as well.
    const files = [openSync(target, constants.O_WRONLY | constants.O_NONBLOCK)]
    if (statSync(source).isFIFO()) files.push(openSync(source, constants.O_RDONLY | constants.O_NONBLOCK))
    const instance = await DuckDBInstance.create(':memory:', CONFIGURATION)
    const connection = await instance.connect()
    await connection.run(`SET allowed_paths = [${literal(source)}, ${literal(target)}]`)
    // Else WKB would come as a type of its own.
    await connection.run('SET enable_geoparquet_conversion = false')
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
    return new Job(source, target, files, instance, connection)
  }

  get opened(): EngineAnswer {
    return { kind: 'opened', source: this.#source, target: this.#target }
  }

  async describe(): Promise<FileContents> {
    const file = new SourceFile(this.#source)
    this.#file = file
    const statement = await this.#connection.prepare(`SELECT * FROM read_parquet(${literal(this.#source)})`)
    const columnAt = (i: number): [string, DuckDBType] => [statement.columnName(i), statement.columnType(i)]
    try {
      return { ...engineColumns(statement.columnCount, columnAt, file), ends: file.ends }
    } finally {
      statement.destroySync() // it has the file open
    }
  }

  use(part: number): void {
    this.#file?.use(part)
  }

  async run(sql: string): Promise<unknown[][]> {
    return (await this.#connection.runAndReadAll(sql)).getRowsJson()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
    for (const file of this.#files) closeSync(file)
    process.chdir('/')
  }
}

/** A message may hold a whole row; what it is about stands before or after that. */
const shortened = (message: string): string =>
  message.length <= MAX_MESSAGE_LENGTH
    ? message
    : `${message.slice(0, MAX_MESSAGE_LENGTH / 2)}…${message.slice(-MAX_MESSAGE_LENGTH / 2)}`

// If memory runs out, the kernel (Linux) is to end this process and not the proxy or PostgreSQL.
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
      return { kind: 'columns', ...(await job.describe()) }
    case 'part':
      job.use(request.part)
      return { kind: 'ready' }
    case 'run':
      return { kind: 'rows', rows: await job.run(request.sql) }
    case 'close':
      job.close()
      job = undefined
      return { kind: 'closed' }
  }
}

function failure(error: unknown): EngineAnswer {
  if (!(error instanceof PgError)) {
    return { kind: 'failed', message: shortened(error instanceof Error ? error.message : String(error)) }
  }
  const { message, code, detail } = error
  return { kind: 'refused', message, code, detail }
}

process.on('message', async (request: EngineRequest) => {
  process.send?.(await answer(request).catch(failure))
})

// The parent is gone. A thread in the middle of a statement would keep an orderly exit waiting.
const die = (): boolean => process.kill(process.pid, 'SIGKILL')
process.on('disconnect', die)
if (!process.connected) die()
