import { randomBytes } from 'node:crypto'
import type { Blob } from '../storage/blob-client.ts'
import type { BlobUpload } from '../storage/blob-upload.ts'
import type { Call, CallOrigin } from './calls.ts'
import type { RowsOfBlob } from './request.ts'

const MEBIBYTE = 1024 * 1024
/** Between two requests of a statement that is alive, the backend makes rows; a longer silence is worth a look. */
const IDLE_MS = 1000

/** A blob that a backend's aggregate writes, block of rows by block of rows. */
export class BlobRowsUpload {
  readonly id = randomBytes(9).toString('base64url')
  readonly mode = 't'
  readonly #call: Call
  readonly #upload: BlobUpload
  #busy = 0
  #lastActive = Date.now()

  constructor(request: RowsOfBlob, blob: Blob, call: Call, closed: AbortSignal) {
    this.#call = call
    const signal = AbortSignal.any([call.signal, closed])
    this.#upload = blob.upload({ signal, maxBlockBytes: request.call.blockSizeMb * MEBIBYTE })
  }

  get origin(): CallOrigin {
    return this.#call.origin
  }

  get isIdle(): boolean {
    return this.#busy === 0 && Date.now() - this.#lastActive > IDLE_MS
  }

  async write(rows: Buffer): Promise<void> {
    await this.#active(async () => {
      if (!this.#upload.append(rows, 0, rows.length)) await this.#upload.drained()
    })
  }

  async commit(rows: Buffer): Promise<void> {
    try {
      await this.write(rows)
      await this.#active(() => this.#upload.commit())
    } finally {
      this.#call.end()
    }
  }

  abort(): void {
    this.#upload.abort()
    this.#call.end()
  }

  async #active(work: () => Promise<void>): Promise<void> {
    this.#busy++
    try {
      await work()
    } finally {
      this.#busy--
      this.#lastActive = Date.now()
    }
  }
}
