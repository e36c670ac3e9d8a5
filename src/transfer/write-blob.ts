import type { Duplex } from 'node:stream'
import type { ParquetSettings, ResolvedFormat } from '../formats/format.ts'
import { ChunkPool } from '../formats/parquet/chunk-pool.ts'
import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { writeParquet } from '../formats/parquet/write-parquet.ts'
import { streamCompression } from '../formats/stream-compressions.ts'
import type { Blob } from '../storage/blob-client.ts'
import type { SpoolOptions } from '../storage/blob-parts.ts'
import { type BlobUpload, drainInto } from '../storage/blob-upload.ts'

export interface WriteOptions {
  readonly format: ResolvedFormat
  readonly extra?: ParquetSettings
  /** Those of the rows; only Parquet needs them. */
  readonly columns: readonly ParquetColumn[]
  readonly spool: SpoolOptions
  readonly maxBlockBytes: number
  readonly signal: AbortSignal
}

/**
 * A blob being written: bytes go through `stages`, are compressed or become Parquet (from rows in COPY's text format), and
 * travel in blocks. Nothing is visible, and what the blob held before stays, until `commit` succeeds.
 */
export class BlobWriter {
  /** Resolves with the reason when it fails, or is aborted, before it is committed. */
  readonly failed: Promise<Error>
  readonly #upload: BlobUpload
  readonly #stages: readonly Duplex[]
  readonly #pool: ChunkPool | undefined
  /** Settles when what comes out of the stages is with the upload. */
  readonly #staged: Promise<void>
  #failure: Error | undefined
  #reportFailure!: (reason: Error) => void

  constructor(blob: Blob, options: WriteOptions, ...stages: readonly Duplex[]) {
    const { signal, maxBlockBytes } = options
    this.failed = new Promise(resolve => {
      this.#reportFailure = resolve
    })
    this.#pool = options.format.format === 'parquet' ? new ChunkPool() : undefined
    this.#stages = [...stages, ...encoder(options, this.#pool)]
    this.#upload = blob.upload({ signal, maxBlockBytes })
    this.#upload.failed.then(error => this.#fail(error))
    this.#staged = this.#drainStages()
    this.#staged.catch(error => this.#fail(error))
  }

  /** Takes bytes, and is done with their buffer. False: wait for `drained` before the next call. */
  write(bytes: Buffer): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const [first] = this.#stages
    if (first === undefined) return this.#upload.append(bytes, 0, bytes.length)
    return first.write(this.#pool?.copyOf(bytes) ?? Buffer.from(bytes))
  }

  /** Waits until the next `write` would not pile up memory. */
  async drained(): Promise<void> {
    const [first] = this.#stages
    if (first === undefined) return this.#upload.drained()
    if (first.writableNeedDrain) {
      await new Promise<void>(resolve => {
        const done = (): void => {
          first.off('drain', done).off('close', done)
          resolve()
        }
        first.on('drain', done).on('close', done)
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Makes what was written the blob's contents. Aborted while it runs, it may or may not have happened. */
  async commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#stages[0]?.end()
    await this.#staged
    await this.#upload.commit()
  }

  /** Cancels everything unless it is committed already. */
  abort(): void {
    this.#upload.abort()
    for (const stage of this.#stages) stage.destroy()
  }

  /** Aborts, and resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.abort()
    await this.#staged.catch(() => {})
  }

  async #drainStages(): Promise<void> {
    const [first, ...others] = this.#stages
    if (first === undefined) return
    let last = first
    for (const stage of others) {
      last.on('error', error => stage.destroy(error))
      last = last.pipe(stage)
    }
    await drainInto(last, this.#upload)
  }

  #fail(reason: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.abort()
    this.#reportFailure(reason)
  }
}

function encoder(
  { format: { format, compression }, extra, columns, spool }: WriteOptions,
  pool: ChunkPool | undefined,
): Duplex[] {
  if (format === 'parquet') return [writeParquet(columns, compression, { ...spool, ...extra, ...(pool && { pool }) })]
  return streamCompression(compression).compress()
}
