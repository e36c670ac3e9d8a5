import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Compression } from '../format.ts'
import { Engine } from './engine.ts'
import { unwritable } from './parquet-errors.ts'
import { createFifo, createFile } from './private-files.ts'
import type { ParquetColumn } from './shape.ts'
import { columnAt, identifier, literal, MACROS } from './sql-text.ts'
import { valueOfCopyText } from './value-of-text.ts'

const CODECS: Readonly<Record<Compression, string>> = {
  none: 'uncompressed',
  gzip: 'gzip',
  snappy: 'snappy',
  zstd: 'zstd',
  brotli: 'brotli',
  lz4: 'lz4_raw',
}

/** The longest row that the engine takes; it reads the rows in pieces of this size. */
const MAX_ROW_BYTES = 64 * 1024 * 1024
/** More than a pipe holds: 16 pages, of up to 64 KiB. */
const HELD_BYTES = 2 * 1024 * 1024
const ROW_GROUP_ROWS = 122_880
const ROW_GROUP_BYTES = 64 * 1024 * 1024

/**
 * Rows as PostgreSQL's COPY writes them in its text format (UTF-8, default delimiter and NULL, no header) in, a Parquet file
 * out. It fails with a PgError; destroy() leaves nothing behind.
 */
export function writeParquet(columns: readonly ParquetColumn[], compression: Compression): Duplex {
  return new ParquetEncoder(columns, compression)
}

class ParquetEncoder extends Duplex {
  readonly #columns: readonly ParquetColumn[]
  readonly #compression: Compression
  /** The first rows, until the engine gets them. */
  #held: Buffer[] = []
  #heldBytes = 0
  #engine: Engine | undefined
  #rows: Socket | undefined
  #file: Socket | undefined

  constructor(columns: readonly ParquetColumn[], compression: Compression) {
    super()
    this.#columns = columns
    this.#compression = compression
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#rows !== undefined) {
      this.#send(this.#rows, chunk, callback)
      return
    }
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < HELD_BYTES) callback()
    else this.#startWithPipe().then(rows => this.#send(rows, Buffer.concat(this.#takeHeld()), callback), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#rows === undefined) this.#startWithFile().then(() => callback(), callback)
    else this.#rows.end(callback)
  }

  override _read(): void {
    this.#file?.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#rows?.destroy()
    this.#file?.destroy()
    const killed = this.#engine?.kill() ?? Promise.resolve()
    killed.finally(() => callback(error))
  }

  #send(rows: Socket, chunk: Buffer, callback: (error?: Error | null) => void): void {
    // When it fails, the engine reads no more: it is the one to say why.
    rows.write(chunk, error => error ?? callback())
  }

  #takeHeld(): Buffer[] {
    const held = this.#held
    this.#held = []
    return held
  }

  async #startWithPipe(): Promise<Socket> {
    const fifo = await createFifo()
    const rows = new Socket({ fd: fifo.writeEnd, readable: false, writable: true }).on('error', () => {})
    this.#rows = rows
    try {
      await this.#start(fifo.readEnd)
    } finally {
      closeSync(fifo.readEnd)
    }
    return rows
  }

  /**
   * The engine opens its source some time after its statement has begun, and waits for ever for a pipe without a writer:
   * a pipe may be closed only when more has been written than it holds.
   */
  async #startWithFile(): Promise<void> {
    const file = await createFile(this.#takeHeld())
    try {
      await this.#start(file.fd)
    } finally {
      await file.close()
    }
  }

  async #start(source: number): Promise<void> {
    const fifo = await createFifo()
    const file = new Socket({ fd: fifo.readEnd, readable: true, writable: false })
    this.#file = file
    file.on('data', chunk => this.push(chunk) || file.pause())
    const ended = once(file, 'end')
    const engine = Engine.take()
    this.#engine = engine
    const paths = await engine.open(source, fifo.writeEnd).finally(() => closeSync(fifo.writeEnd))
    await engine.run(MACROS)
    this.#finish(engine.run(this.#copyStatement(paths.source, paths.target)), ended)
  }

  async #finish(done: Promise<unknown>, ended: Promise<unknown>): Promise<void> {
    try {
      await done
      const engine = this.#engine
      this.#engine = undefined
      await engine?.release()
      await ended
      this.push(null)
    } catch (error) {
      this.destroy(unwritable(error) as Error)
    }
  }

  #copyStatement(source: string, target: string): string {
    const texts = this.#columns.map((_, i) => `${columnAt(i)}: 'VARCHAR'`)
    const values = this.#columns.map(
      (column, i) => `${valueOfCopyText(columnAt(i), column)} AS ${identifier(column.name)}`,
    )
    return `COPY (SELECT ${values.join(', ')} FROM read_csv(${literal(source)}, auto_detect = false, header = false,
        delim = '\t', quote = '', escape = '', new_line = '\\n', nullstr = '\\N', columns = {${texts.join(', ')}},
        parallel = true, max_line_size = ${MAX_ROW_BYTES}, buffer_size = ${MAX_ROW_BYTES}))
      TO ${literal(target)} (FORMAT parquet, COMPRESSION ${CODECS[this.#compression]}, USE_TMP_FILE false,
        ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, ROW_GROUP_SIZE_BYTES ${ROW_GROUP_BYTES})`
  }
}
