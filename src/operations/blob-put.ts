import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Transfer } from '../activity/transfer.ts'
import type { Conversions } from '../backend/conversions.ts'
import { type EncoderOptions, encodeLargeRows, LARGE_ROWS_BYTES } from '../formats/rows/large-rows.ts'
import { createRowEncoder } from '../formats/rows/row-codecs.ts'
import type { RowEncoder } from '../formats/rows/row-encoder.ts'
import type { PgError } from '../protocol/pg-error.ts'
import type { Services } from '../services.ts'
import type { Blob } from '../storage/blob-client.ts'
import { type Conversion, checkConversion, conversionOnWrite, transcode } from '../transfer/transcode.ts'
import { BlobWriter } from '../transfer/write-blob.ts'
import { type Coder, columnNames, parquetColumns, readCoder, textRows, textsOf } from './blob-get.ts'
import { type Call, type CallOrigin, whyEnded } from './calls.ts'
import type { RowsOfBlob } from './rows-of-blob.ts'

const MEBIBYTE = 1024 * 1024
/** In Parquet's nested columns each byte is looked at. */
const PIECE_BYTES = MEBIBYTE / 4
/** The backend is making rows, or the storage is slow; but the statement may also have failed, and that is worth a look. */
const QUIET_MS = 1000

interface Coding {
  readonly coder: Coder
  readonly encoderOptions: EncoderOptions
  readonly conversion: Conversion | undefined
}

/** What an upload ends with, and what ends with it. */
export interface Belongings {
  readonly call: Call
  readonly transfer: Transfer
  /** Its connection is. */
  readonly closed: AbortSignal
}

/** A blob that the aggregate of a backend writes, block of rows by block of rows. */
export class BlobRowsUpload {
  readonly id = randomBytes(9).toString('base64url')
  /** How the rows come: t for record literals, b for record_send() in hexadecimal. */
  readonly mode: 't' | 'b'
  readonly #call: Call
  readonly #transfer: Transfer
  readonly #encoder: RowEncoder
  readonly #encoderOptions: EncoderOptions
  readonly #writer: BlobWriter
  readonly #conversion: Conversion | undefined
  readonly #conversions: Conversions
  #begun = false
  /** Encoded elsewhere. */
  #largeRows = 0
  #lastActive = Date.now()

  /** @throws PgError */
  static async open(
    services: Services,
    request: RowsOfBlob,
    blob: Blob,
    { call, transfer, closed }: Belongings,
  ): Promise<BlobRowsUpload> {
    const coder = readCoder(request, 'put')
    const texts = await textsOf(services, request, coder.options)
    const target = { majorVersion: services.serverMajorVersion, encoding: request.encoding, texts }
    // What record_send() gives is as it is to be.
    const isBinary = coder.format === 'binary'
    const rows = isBinary ? coder : textRows(coder, request.encoding)
    const asWritten = conversionOnWrite(request.encoding, rows.encoding)
    if (asWritten !== undefined) await checkConversion(services.conversions, asWritten)
    const conversion = isBinary ? undefined : asWritten
    const encoderOptions: EncoderOptions = [rows.format, rows.options, columnNames(request), target]
    return new BlobRowsUpload(services, request, { coder, encoderOptions, conversion }, blob, {
      call,
      transfer,
      closed,
    })
  }

  private constructor(
    services: Services,
    request: RowsOfBlob,
    { coder, encoderOptions, conversion }: Coding,
    blob: Blob,
    { call, transfer, closed }: Belongings,
  ) {
    this.mode = coder.format === 'binary' ? 'b' : 't'
    this.#encoderOptions = encoderOptions
    this.#encoder = createRowEncoder(...encoderOptions)
    this.#conversion = conversion
    this.#conversions = services.conversions
    this.#call = call
    this.#transfer = transfer
    this.#writer = new BlobWriter(transfer.counting(blob), {
      format: coder,
      extra: request.extra ?? {},
      columns: coder.format === 'parquet' ? parquetColumns(request) : [],
      spool: { ...services.config, backendPid: call.origin.pid },
      maxBlockBytes: request.call.blockSizeMb * MEBIBYTE,
      signal: AbortSignal.any([call.signal, closed]),
    })
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
      await this.#put(await this.#encode(rows))
      this.#transfer.rowsSoFar(this.#encoder.rows + this.#largeRows)
    })
  }

  async commit(rows: Buffer): Promise<void> {
    try {
      await this.write(rows)
      await this.#active(async () => {
        await this.#put(this.#encoder.end())
        this.#transfer.committing()
        await this.#writer.commit()
      })
      this.#transfer.done()
    } finally {
      this.abort()
    }
  }

  /** Ends it where it is; nothing happens to the blob. */
  abort(reason?: PgError): void {
    this.#transfer.failed(whyEnded(this.#call) ?? reason)
    this.#writer.abort()
    this.#call.end()
  }

  async #encode(rows: Buffer): Promise<Buffer> {
    if (rows.length <= LARGE_ROWS_BYTES) return this.#encoder.encode(rows)
    const { bytes, count } = await encodeLargeRows(this.#encoderOptions, rows)
    this.#largeRows += count
    return bytes
  }

  async #put(bytes: Buffer): Promise<void> {
    if (this.#conversion === undefined) return await this.#putPieces(bytes)
    for await (const converted of transcode([bytes], this.#conversion, this.#conversions)) {
      await this.#putPieces(converted)
    }
  }

  /** Nothing is to be there twice as a whole, and others have their turn between pieces. */
  async #putPieces(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      if (at > 0) await nextTurn()
      if (!this.#writer.write(bytes.subarray(at, at + PIECE_BYTES))) await this.#writer.drained()
    }
  }

  async #active(work: () => Promise<void>): Promise<void> {
    this.#lastActive = Date.now()
    try {
      await work()
    } catch (error) {
      const reason = this.#call.signal.aborted ? this.#call.signal.reason : error
      this.#transfer.failed(reason)
      throw reason
    } finally {
      this.#lastActive = Date.now()
    }
  }
}
