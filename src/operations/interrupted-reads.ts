import type { RowsOfBlob } from './rows-of-blob.ts'

/** More than what can be under way between a decoder and a backend that has stopped reading: socket buffers, mostly. */
const UNDER_WAY_BYTES = 24 * 1024 * 1024
/** Backends that failed and have not come back to look for the reason. */
const MAX_KEPT = 1000

interface Interruption {
  readonly statement: string
  readonly blob: string
  readonly offset: number
}

/**
 * How far blobs were read when their backends stopped taking rows. A backend that could not convert a value asks for the
 * same blob again, with line numbers, to find it: it must be among the rows sent last, so those before need not be.
 */
export class InterruptedReads {
  readonly #byPid = new Map<number, Interruption>()

  /** `offset` in bytes of the decompressed blob. */
  add({ call, container, path }: RowsOfBlob, offset: number): void {
    const oldest = this.#byPid.keys().next()
    if (this.#byPid.size >= MAX_KEPT && !oldest.done) this.#byPid.delete(oldest.value)
    this.#byPid.set(call.pid, { statement: call.statement, blob: `${container}/${path}`, offset })
  }

  /** Where the rows begin that may be meant; 0 if nothing is known of the blob. */
  takeStart({ call, container, path }: RowsOfBlob): number {
    const found = this.#byPid.get(call.pid)
    if (found?.statement !== call.statement || found.blob !== `${container}/${path}`) return 0
    this.#byPid.delete(call.pid)
    return Math.max(0, found.offset - UNDER_WAY_BYTES)
  }
}
