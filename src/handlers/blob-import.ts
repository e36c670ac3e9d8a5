import type { Readable, Transform } from 'node:stream'
import { serialize } from 'pg-protocol'
import { encodeCopyText } from '../formats/copy-text.ts'
import type { ResolvedFormat } from '../formats/format.ts'
import { decompressGzip } from '../formats/gzip.ts'
import { copyDataHeader } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { ConnectionLost, type Wire } from '../session/wire.ts'
import type { Blob } from '../storage/blob-client.ts'

/**
 * While it waits for CopyData the backend acts on no cancel and no statement_timeout; an empty message makes it look.
 */
const NUDGE_INTERVAL_MS = 500
const EMPTY_COPY_DATA = copyDataHeader(0)
/** In the extended protocol the end of the COPY is told only after a Flush, and one sent before is ignored. */
const COPY_DONE = Buffer.concat([serialize.copyDone(), serialize.flush()])

/**
 * Feeds a blob into a COPY FROM STDIN that waits for its data. Ends with CopyDone, or with CopyFail and the reason in
 * `failure`; `stop` ends it early, when the backend has ended the COPY itself.
 */
export class BlobImport {
  failure: PgError | undefined
  /** The backend has been sent rows: where it stands in them says something. */
  begun = false
  readonly #wire: Wire
  readonly #abort = new AbortController()
  readonly #nudge: NodeJS.Timeout
  readonly #done: Promise<void>
  #sentSinceNudge = false

  constructor(wire: Wire, openBlob: () => Blob, format: ResolvedFormat) {
    this.#wire = wire
    this.#nudge = setInterval(() => {
      if (!this.#sentSinceNudge) wire.send(EMPTY_COPY_DATA)
      this.#sentSinceNudge = false
    }, NUDGE_INTERVAL_MS)
    wire.onCancel(() => wire.send(EMPTY_COPY_DATA))
    this.#done = this.#run(openBlob, format)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#done
  }

  async #run(openBlob: () => Blob, format: ResolvedFormat): Promise<void> {
    const signal = AbortSignal.any([this.#abort.signal, this.#wire.signal])
    try {
      const { body } = await openBlob().download({ signal })
      for await (const chunk of decode(body, format)) {
        if (signal.aborted) return
        this.#sentSinceNudge = true
        this.begun = true
        if (!this.#wire.sendCopyData(chunk)) await this.#wire.drained()
      }
      if (!signal.aborted) this.#wire.send(COPY_DONE)
    } catch (error) {
      if (signal.aborted || error instanceof ConnectionLost) return
      this.failure = asPgError(error)
      this.#wire.send(serialize.copyFail(this.failure.message))
    } finally {
      clearInterval(this.#nudge)
      this.#wire.onCancel(undefined)
    }
  }
}

/** The bytes of a blob as COPY takes them: PostgreSQL parses the rows. Leaving the loop early closes every stage. */
async function* decode(body: Readable, { format, compression }: ResolvedFormat): AsyncGenerator<Buffer> {
  const stages: Transform[] = []
  if (compression === 'gzip') stages.push(decompressGzip())
  if (format === 'text') stages.push(encodeCopyText())
  let last: Readable = body
  for (const stage of stages) {
    const source = last
    source.on('error', error => stage.destroy(error))
    last = source.pipe(stage)
  }
  try {
    yield* last as AsyncIterable<Buffer>
  } finally {
    for (const stream of [body, ...stages]) stream.destroy()
  }
}

export function asPgError(error: unknown): PgError {
  if (error instanceof PgError) return error
  return new PgError({
    message: `azure_storage: internal error: ${error instanceof Error ? error.message : String(error)}`,
    code: SQLSTATE.internalError,
    cause: error,
  })
}
