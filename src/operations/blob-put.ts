import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { addAbortSignal, type Duplex } from 'node:stream'
import { compressGzip } from '../formats/gzip.ts'
import { writeParquet } from '../formats/parquet/write-parquet.ts'
import { createRowEncoder } from '../formats/rows/row-codecs.ts'
import type { RowEncoder } from '../formats/rows/row-encoder.ts'
import type { RowsOfBlob } from '../loopback/request.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { type BlobUpload, drainInto } from '../storage/blob-upload.ts'
import { columnNames, parquetColumns, readCoder, textRows } from './blob-get.ts'
import type { Call, CallOrigin } from './calls.ts'

const MEBIBYTE = 1024 * 1024
const PIECE_BYTES = MEBIBYTE
/** The backend is making rows, or the storage is slow; but the statement may also have failed, and that is worth a look. */
const QUIET_MS = 1000

/** A blob that the aggregate of a backend writes, block of rows by block of rows. */
export class BlobRowsUpload {
  readonly id = randomBytes(9).toString('base64url')
  /** How the rows come: t for record literals, b for record_send() in hexadecimal. */
  readonly mode: 't' | 'b'
  readonly #call: Call
  readonly #encoder: RowEncoder
  readonly #upload: BlobUpload
  /** Between the encoder and the upload. */
  readonly #stage: Duplex | undefined
  readonly #staged: Promise<void> | undefined
  #begun = false
  #lastActive = Date.now()

  constructor(services: Services, request: RowsOfBlob, blob: Blob, call: Call, closed: AbortSignal) {
    const coder = readCoder(request, 'put')
    const { format, compression } = coder
    const target = { majorVersion: services.serverMajorVersion, encoding: request.encoding }
    this.mode = format === 'binary' ? 'b' : 't'
    const rows = format === 'binary' ? coder : textRows(coder)
    this.#encoder = createRowEncoder(rows.format, rows.options, columnNames(request), target)
    this.#call = call
    const signal = AbortSignal.any([call.signal, closed])
    this.#upload = blob.upload({ signal, maxBlockBytes: request.call.blockSizeMb * MEBIBYTE })
    if (format === 'parquet')
      this.#stage = writeParquet(parquetColumns(request), compression, {
        ...services.config,
        backendPid: call.origin.pid,
      })
    else if (compression === 'gzip') this.#stage = compressGzip()
    else return
    addAbortSignal(signal, this.#stage)
    this.#staged = drainInto(this.#stage, this.#upload)
    // It is waited for when the rows are all there; until then a failure must not bring the process down.
    this.#staged.catch(() => {})
  }

  get origin(): CallOrigin {
    return this.#call.origin
  }

  /** Aborted with the reason why the statement is to end. */
  get signal(): AbortSignal {
    return this.#call.signal
  }

  /** No request has begun or ended for some time. */
  get isQuiet(): boolean {
    return Date.now() - this.#lastActive > QUIET_MS
  }

  async write(rows: Buffer): Promise<void> {
    await this.#active(async () => {
      if (!this.#begun) await this.#put(this.#encoder.begin())
      this.#begun = true
      await this.#put(this.#encoder.encode(rows))
    })
  }

  async commit(rows: Buffer): Promise<void> {
    try {
      await this.write(rows)
      await this.#active(async () => {
        await this.#put(this.#encoder.end())
        this.#stage?.end()
        await this.#staged
        await this.#upload.commit()
      })
    } finally {
      this.abort()
    }
  }

  /** Ends it where it is; nothing happens to the blob. */
  abort(): void {
    this.#upload.abort()
    this.#stage?.destroy()
    this.#call.end()
  }

  /** In pieces, each of which is copied: nothing is to be there twice as a whole. */
  async #put(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const end = Math.min(at + PIECE_BYTES, bytes.length)
      if (this.#stage) {
        // The encoder uses its buffer again.
        const piece = Buffer.from(bytes.subarray(at, end))
        if (!this.#stage.write(piece)) await Promise.race([once(this.#stage, 'drain'), this.#staged])
      } else if (!this.#upload.append(bytes, at, end)) await this.#upload.drained()
    }
  }

  async #active(work: () => Promise<void>): Promise<void> {
    this.#lastActive = Date.now()
    try {
      await work()
    } catch (error) {
      throw this.#call.signal.aborted ? this.#call.signal.reason : error
    } finally {
      this.#lastActive = Date.now()
    }
  }
}
