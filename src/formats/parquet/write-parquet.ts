import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { Duplex } from 'node:stream'
import type { Compression, ParquetSettings } from '../format.ts'
import { type ChunkPool, HeldChunks } from './chunk-pool.ts'
import { Engine } from './engine.ts'
import { hasPlace, takePlace } from './engine-places.ts'
import { noColumns, noFields, unwritable } from './parquet-errors.ts'
import { createFifo, type Fifo, removeName } from './private-files.ts'
import { createRowLines, type RowLines } from './row-lines.ts'
import { HELD_BYTES, PIECES, RowPieces } from './row-pieces.ts'
import { RowSpool } from './row-spool.ts'
import { isPartlyEmpty, type ParquetColumn } from './shape.ts'
import { columnAt, identifier, literal, MACROS } from './sql-text.ts'
import { valueOfCopyText } from './value-of-text.ts'
import { distinctNames, WrittenNames } from './written-names.ts'

const CODECS: Readonly<Record<Compression, string>> = {
  none: 'uncompressed',
  gzip: 'gzip',
  snappy: 'snappy',
  zstd: 'zstd',
  brotli: 'brotli',
  lz4: 'lz4_raw',
}

/** The longest row that the engine takes: it reads as much of a file before it looks at the rows. */
const MAX_ROW_BYTES = 64 * 1024 * 1024
const ROW_GROUP_ROWS = 122_880
const ROW_GROUP_BYTES = 64 * 1024 * 1024

/**
 * Rows as PostgreSQL's COPY writes them in its text format (UTF-8, default delimiter and NULL, no header) in, a Parquet file
 * out. It fails with a PgError; destroy() leaves nothing behind.
 */
export function writeParquet(
  columns: readonly ParquetColumn[],
  compression: Compression,
  options: ParquetOptions = {},
): Duplex {
  return new ParquetEncoder(columns, compression, options)
}

export interface ParquetOptions extends ParquetSettings {
  /** Default: the system's. */
  readonly tempDir?: string
  /** How large a temporary file may become; 0 for no limit. */
  readonly spoolLimitBytes?: number
  /** Whose rows they are. */
  readonly backendPid?: number | undefined
  /** Gets the chunks of rows back that are its. */
  readonly pool?: ChunkPool
}

class ParquetEncoder extends Duplex {
  readonly #columns: readonly ParquetColumn[]
  readonly #compression: Compression
  readonly #tempDir: string
  readonly #options: ParquetOptions
  readonly #rowLines: RowLines | undefined
  readonly #names = new WrittenNames()
  readonly #destroyed = new AbortController()
  /** The first rows, until the engine gets them. */
  readonly #held: HeldChunks
  /** All rows, where the engine gets none before the last has come. */
  #spool: RowSpool | undefined
  #starting: Promise<unknown> | undefined
  #leavePlace: (() => void) | undefined
  #engine: Engine | undefined
  #rows: RowPieces | undefined
  #file: Socket | undefined
  #target: Fifo | undefined

  constructor(columns: readonly ParquetColumn[], compression: Compression, options: ParquetOptions) {
    super()
    this.#tempDir = options.tempDir ?? tmpdir()
    this.#options = options
    this.#held = new HeldChunks(options.pool)
    this.#columns = columns
    this.#compression = compression
    this.#rowLines = createRowLines(columns)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#take(chunk).then(
      () => callback(),
      error => callback(unwritable(error) as Error),
    )
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#end().then(
      () => callback(),
      error => callback(unwritable(error) as Error),
    )
  }

  override _read(): void {
    this.#file?.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#destroyed.abort()
    this.#drop()
      // A start that was under way may have opened more in the meantime.
      .then(() => this.#started())
      .then(() => this.#drop())
      .finally(() => callback(error))
  }

  /** Waits for what has begun to start, and for what that has begun. */
  async #started(): Promise<void> {
    for (let waited: Promise<unknown> | undefined; waited !== this.#starting; ) {
      waited = this.#starting
      await waited?.catch(() => {})
    }
  }

  async #drop(): Promise<void> {
    this.#rows?.destroy()
    this.#file?.destroy()
    await this.#spool?.close()
    await this.#engine?.kill()
    this.#removeNames()
    this.#leavePlace?.()
  }

  #removeNames(): void {
    this.#rows?.destroy()
    if (this.#target !== undefined) removeName(this.#target.path)
  }

  async #take(chunk: Buffer): Promise<void> {
    const lines = this.#rowLines?.(chunk) ?? chunk
    if (lines !== chunk) this.#options.pool?.giveBack(chunk)
    if (this.#rows !== undefined) return this.#rows.send(lines)
    if (this.#spool !== undefined) return this.#spool.write(lines).then(() => this.#options.pool?.giveBack(lines))
    this.#held.push(lines)
    if (this.#held.bytes < HELD_BYTES) return
    // The statement's other file, which has the place, may be complete only after this one is.
    if (hasPlace(this.#options.backendPid)) {
      this.#starting = this.#startSpool()
      await this.#starting
      return
    }
    const starting = this.#startWithPipe()
    this.#starting = starting
    await (await starting).send(this.#held.take())
  }

  async #end(): Promise<void> {
    if (this.#rows !== undefined) return this.#rows.end()
    this.#starting = this.#startWithFile()
    await this.#starting
  }

  /** @returns whether more is wanted */
  #give(parts: readonly Buffer[]): boolean {
    return parts.map(part => part.length === 0 || this.push(part)).every(Boolean)
  }

  async #startSpool(): Promise<void> {
    this.#spool = await RowSpool.create(this.#tempDir, this.#options.spoolLimitBytes)
    await this.#spool.write(this.#held.take())
  }

  /** Rows wait in front of the pipe while the engine starts. */
  async #startWithPipe(): Promise<RowPieces> {
    await this.#takePlace()
    const rows = await RowPieces.create(this.#tempDir, this.#options.pool)
    this.#rows = rows
    const starting = this.#start(rows.path, PIECES)
    this.#starting = starting
    starting.catch(error => this.destroy(unwritable(error) as Error))
    return rows
  }

  /**
   * The engine opens its source some time after its statement has begun, and waits for ever for a pipe without a writer:
   * a pipe may be closed only when more has been written than it holds.
   */
  async #startWithFile(): Promise<void> {
    await this.#takePlace()
    if (this.#spool === undefined) await this.#startSpool()
    const spool = this.#spool as RowSpool
    await this.#start(spool.path, 1)
  }

  /** Nobody waits for a place to be told what cannot be written. */
  async #takePlace(): Promise<void> {
    if (this.#columns.length === 0) throw noColumns()
    const empty = this.#columns.find(({ shape }) => isPartlyEmpty(shape))
    if (empty) throw noFields(empty.name)
    this.#leavePlace = await takePlace(this.#options.backendPid, this.#destroyed.signal)
    if (!this.destroyed) return
    this.#leavePlace()
    throw this.#destroyed.signal.reason
  }

  async #start(source: string, times: number): Promise<void> {
    const fifo = await createFifo(this.#tempDir)
    this.#target = fifo
    const file = new Socket({ fd: fifo.readEnd, readable: true, writable: false })
    this.#file = file
    file.on('data', chunk => this.#give(this.#names.restore(chunk)) || file.pause())
    file.on('error', error => this.destroy(error))
    const ended = new Promise(resolve => file.once('end', resolve))
    const engine = Engine.take()
    this.#engine = engine
    const paths = await engine.open(source, fifo.path).finally(() => closeSync(fifo.writeEnd))
    await engine.run(MACROS)
    this.#finish(engine.run(this.#copyStatement(Array(times).fill(literal(paths.source)), paths.target)), ended)
  }

  async #finish(done: Promise<unknown>, ended: Promise<unknown>): Promise<void> {
    try {
      await done
      const engine = this.#engine
      this.#engine = undefined
      await engine?.release()
      await this.#spool?.close()
      this.#removeNames()
      this.#leavePlace?.()
      await ended
      this.push(this.#names.end())
      this.push(null)
    } catch (error) {
      this.destroy(unwritable(error) as Error)
    }
  }

  #copyStatement(sources: readonly string[], target: string): string {
    const { rowGroupSize = ROW_GROUP_ROWS, compressionLevel } = this.#options
    const level = compressionLevel === undefined ? '' : `, COMPRESSION_LEVEL ${compressionLevel}`
    const texts = this.#columns.map((_, i) => `${columnAt(i)}: 'VARCHAR'`)
    if (texts.length === 1) texts.push("padding: 'VARCHAR'")
    const names = distinctNames(this.#columns.map(({ name }) => name))
    const values = this.#columns.map((column, i) => {
      const token = this.#names.tokenOf(names[i] as string)
      return `${valueOfCopyText(columnAt(i), column, this.#names)} AS ${identifier(token)}`
    })
    return `COPY (SELECT ${values.join(', ')} FROM read_csv([${sources}], auto_detect = false, header = false,
        delim = '\t', quote = '', escape = '', new_line = '\\n', nullstr = '\\N', columns = {${texts.join(', ')}},
        parallel = true, max_line_size = ${MAX_ROW_BYTES}, buffer_size = ${MAX_ROW_BYTES}))
      TO ${literal(target)} (FORMAT parquet, COMPRESSION ${CODECS[this.#compression]}, USE_TMP_FILE false,
        ROW_GROUP_SIZE ${rowGroupSize}${level}, ROW_GROUP_SIZE_BYTES ${ROW_GROUP_BYTES})`
  }
}
