import { closeSync } from 'node:fs'
import { type ChunkPool, HeldChunks } from './chunk-pool.ts'
import { createFifoName, openFifo, placeAt, removeName } from './private-files.ts'
import { RowPipe } from './row-pipe.ts'

const NEWLINE = 0x0a
/** More than a pipe holds: 16 pages, of up to 64 KiB. */
export const HELD_BYTES = 2 * 1024 * 1024
/** The first piece ends with the first row that ends behind so many bytes: that is when the engine begins. */
const FIRST_PIECE_BYTES = 32 * 1024 * 1024
/** So many bytes wait for their turn, as many as the engine reads at once: while it is at some it reads no others. */
const WAITING_BYTES = 64 * 1024 * 1024

/**
 * How often the engine is to read the file: the first piece, and all that is left. With more than two files for its one
 * thread, DuckDB keeps all that it has read from a pipe until that ends.
 */
export const PIECES = 2

/**
 * Rows on their way into the engine. It reads as much of a file as the longest row may have before it looks at the first: so
 * it is given two files, one after the other, of which the first is smaller. They are pipes under one name: before the first ends
 * the second is there.
 */
export class RowPieces {
  /** What the engine is to read. */
  readonly path: string
  readonly #pipePaths: readonly [string, string]
  readonly #pool: ChunkPool | undefined
  readonly #held: HeldChunks
  #readEnd: number | undefined
  #pipe: RowPipe
  /** Between them rows are held until there are enough for the second piece. */
  #stage: 'first' | 'between' | 'second' = 'first'
  #firstBytes = 0
  #isDestroyed = false

  private constructor(path: string, pipePaths: readonly [string, string], pool: ChunkPool | undefined) {
    this.path = path
    this.#pipePaths = pipePaths
    this.#pool = pool
    this.#held = new HeldChunks(pool)
    this.#pipe = this.#open(pipePaths[0])
  }

  /** `pool` gets its chunks back. @throws PgError */
  static async create(folder: string, pool?: ChunkPool): Promise<RowPieces> {
    const paths: string[] = []
    try {
      for (let i = 0; i < 2; i++) paths.push(await createFifoName(folder))
      const [first, second] = paths as [string, string]
      const path = `${first}-rows`
      paths.push(path)
      placeAt(path, first)
      return new RowPieces(path, [first, second], pool)
    } catch (error) {
      for (const path of paths) removeName(path)
      throw error
    }
  }

  /** Resolves when more may come. Never, when nobody reads any more: who does has its own reasons to tell. @throws PgError */
  async send(rows: Buffer): Promise<void> {
    if (this.#stage === 'second') return this.#pipe.send(rows)
    if (this.#stage === 'between') return this.#hold(rows)
    const end = this.#firstBytes < FIRST_PIECE_BYTES ? 0 : rows.indexOf(NEWLINE) + 1
    if (end === 0) {
      this.#firstBytes += rows.length
      return this.#pipe.send(rows)
    }
    this.#stage = 'between'
    // A copy: the pool gets the whole chunk back when its first rows are written.
    this.#held.push(Buffer.from(rows.subarray(end)))
    return this.#pipe.send(rows.subarray(0, end))
  }

  /** Resolves when all has been written, and the pipe is closed. @throws PgError */
  async end(): Promise<void> {
    // No piece of their own: the engine might open its pipe after that is closed, and would wait for ever.
    if (this.#held.bytes > 0) void this.#pipe.send(this.#held.take())
    await this.#close()
  }

  /** Nothing is left of it. */
  destroy(): void {
    this.#isDestroyed = true
    this.#pipe.destroy()
    this.#closeReadEnd()
    for (const path of [this.path, ...this.#pipePaths]) removeName(path)
  }

  async #hold(rows: Buffer): Promise<void> {
    this.#held.push(rows)
    if (this.#held.bytes < HELD_BYTES) return
    const [, second] = this.#pipePaths
    await this.#close(second)
    if (this.#isDestroyed) return
    this.#pipe = this.#open(second)
    this.#stage = 'second'
    return this.#pipe.send(this.#held.take())
  }

  /** Ends the piece; then comes what is at `next`, or nothing. */
  async #close(next?: string): Promise<void> {
    // More than a pipe holds: so the engine has opened it.
    await this.#pipe.written()
    if (this.#isDestroyed) return
    placeAt(this.path, next)
    await this.#pipe.end()
    this.#closeReadEnd()
  }

  #open(path: string): RowPipe {
    const { readEnd, writeEnd } = openFifo(path)
    this.#readEnd = readEnd
    return new RowPipe(writeEnd, WAITING_BYTES, this.#pool)
  }

  #closeReadEnd(): void {
    if (this.#readEnd !== undefined) closeSync(this.#readEnd)
    this.#readEnd = undefined
  }
}
