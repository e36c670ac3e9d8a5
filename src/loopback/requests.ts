import { credentialOf } from '../credentials/access.ts'
import { parseCredential } from '../credentials/credential.ts'
import { rowTooLarge } from '../formats/rows/row-errors.ts'
import type { Logger } from '../log.ts'
import { COPIES_OF_ROW, type MemoryLease } from '../memory-budget.ts'
import { sealForAccount, warningOf } from '../operations/account-add.ts'
import { readBlobRows } from '../operations/blob-get.ts'
import { LIST_COLUMNS, type ListRequest, listRows } from '../operations/blob-list.ts'
import { BlobRowsUpload } from '../operations/blob-put.ts'
import type { Call, Calls } from '../operations/calls.ts'
import type { InterruptedReads } from '../operations/interrupted-reads.ts'
import type { RowsOfBlob, Target } from '../operations/rows-of-blob.ts'
import { checkCopyTo, readCopyColumns, readCopyRows, type ServerCopy } from '../operations/server-copy.ts'
import { type ErrorFields, errorFields } from '../protocol/messages.ts'
import { PgError, ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import { type Blob, openBlob } from '../storage/blob-client.ts'
import type { Cancels } from './cancels.ts'
import { Handshake, type Whereabouts } from './handshake.ts'
import { type Request, readMessage, readRequest } from './request.ts'
import { dataRows, rowDescription } from './rows.ts'
import { readServerCopy, readText, type TextPart } from './server-copies.ts'

/** What all loopback connections of a proxy share. */
export interface LoopbackServices extends Services {
  readonly calls: Calls
  readonly cancels: Cancels
  readonly interruptedReads: InterruptedReads
  /** Tells this proxy from others at the same address. */
  readonly proxyId: string
  readonly whereabouts: Whereabouts & {
    /** A function of the server has, at that address. */
    reached(address: string): void
  }
}

/** More than a block of small rows has. */
const BLOCK_BYTES = 64 * 1024

/** The requests of one loopback connection, and the uploads it has open. */
export class Requests {
  readonly #services: LoopbackServices
  readonly #log: Logger
  readonly #closed = new AbortController()
  readonly #uploads = new Map<string, BlobRowsUpload>()
  readonly #handshake: Handshake
  #hasOpened = false
  /** For the message that is on its way, or being worked on. */
  #memory: MemoryLease | undefined
  #isOver = false

  /** The database's. */
  readonly #encoding: string
  /** When the backend began to wait. For its first request, it has waited since it began to connect. */
  #waitingSince = performance.now()

  constructor(services: LoopbackServices, encoding: string, log: Logger) {
    this.#log = log
    this.#services = services
    this.#encoding = encoding
    this.#handshake = new Handshake(services.sealingKey, services.whereabouts)
  }

  /** What may come next. */
  get expected(): 'hello' | 'request' | 'rows' {
    if (this.#hasOpened) return 'rows'
    return this.#handshake.hasGreeted ? 'request' : 'hello'
  }

  /** The one request of the connection is answered; only uploads take more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * A message of rows is on its way: a block of some KiB, of which the last row may be large. Undefined: let it come, unless
   * `refuse` was called; else wait until there is memory for it. Rejects with the reason why its statement is to end.
   */
  expectRows(length: number, refuse: (error: PgError) => void): Promise<void> | undefined {
    if (length <= BLOCK_BYTES) return undefined
    const { maxRowBytes } = this.#services.memory
    if (length > maxRowBytes + BLOCK_BYTES) {
      refuse(rowTooLarge(maxRowBytes))
      return undefined
    }
    const calls = Array.from(this.#uploads.values(), ({ signal }) => signal)
    this.#memory ??= this.#services.memory.open(AbortSignal.any([this.#closed.signal, ...calls]))
    return this.#memory.hold(COPIES_OF_ROW * length)
  }

  messageAnswered(): void {
    this.#memory?.end()
    this.#memory = undefined
  }

  get uploads(): Iterable<BlobRowsUpload> {
    return this.#uploads.values()
  }

  /**
   * Messages of the reply: RowDescription and DataRows. `onProved` is called when the other side has shown that it is the
   * extension.
   * @throws PgError
   * @throws ProtocolError It is not.
   */
  async *answer(body: Buffer, onProved: () => void): AsyncGenerator<Buffer> {
    const message = readMessage(body)
    switch (message.kind) {
      case 'hello': {
        const proof = await this.#handshake.greet(message.text)
        yield rowDescription(['nonce', 'proof'])
        yield await this.#row(proof)
        break
      }
      case 'request': {
        const proved = this.#handshake.accept(message.text)
        this.#isOver = proved.verb !== 'OPEN'
        onProved()
        if (this.#handshake.address !== undefined) this.#services.whereabouts.reached(this.#handshake.address)
        yield* this.#serve(readRequest(proved))
        break
      }
      case 'rows':
        if (!this.#hasOpened) throw new ProtocolError('azure_storage: rows without an upload')
        if (message.isLast) await this.#commit(message.upload, message.rows)
        else await this.#uploadOf(message.upload).write(message.rows)
        yield rowDescription(['open'])
        yield await this.#row([String(this.#uploads.size)])
        break
      default:
        message satisfies never
    }
  }

  /** An error as the backend reads it. */
  errorFields(error: PgError): Promise<ErrorFields> {
    return this.#services.conversions.encodeError(errorFields(error), this.#encoding)
  }

  #row(values: readonly (string | undefined)[]): Promise<Buffer> {
    return dataRows([values], this.#encoding, this.#services.conversions)
  }

  /** The connection is over: nothing of it is to go on. */
  close(): void {
    this.#closed.abort()
    this.messageAnswered()
    for (const upload of this.#uploads.values()) upload.abort()
    this.#uploads.clear()
  }

  async *#serve(request: Request): AsyncGenerator<Buffer> {
    switch (request.verb) {
      case 'PING':
        yield rowDescription(['proxy'])
        yield await this.#row([this.#services.proxyId])
        break
      case 'CANCEL':
        yield rowDescription(['session'])
        for (const session of request.sessions) {
          if (this.#services.cancels.cancelOwn(session)) yield await this.#row([session])
        }
        break
      case 'LIST':
        yield* this.#list(request)
        break
      case 'GET':
        yield* this.#get(request)
        break
      case 'NAMES':
        yield* this.#names(request)
        break
      case 'READ':
        yield rowDescription(['part'])
        yield* this.#parts(await readText(request, this.#services, this.#closed.signal))
        break
      case 'SEAL': {
        const { sealingKey } = this.#services
        const sealed = await sealForAccount(request, sealingKey)
        yield rowDescription(['sealed', 'warning'])
        yield await this.#row([sealed, warningOf(request, sealingKey)])
        break
      }
      case 'OPEN': {
        const upload = await this.#open(request)
        yield rowDescription(['upload', 'mode'])
        yield await this.#row([upload.id, upload.mode])
        break
      }
      default:
        request satisfies never
    }
  }

  async *#parts(parts: readonly TextPart[]): AsyncGenerator<Buffer> {
    const rows = parts.map(part => [JSON.stringify(part)])
    yield await dataRows(rows, this.#encoding, this.#services.conversions)
  }

  async *#list(request: Request & { verb: 'LIST' }): AsyncGenerator<Buffer> {
    yield rowDescription(LIST_COLUMNS)
    yield* this.#during(request, signal => this.#listed(request, signal))
  }

  async *#listed(request: ListRequest, signal: AbortSignal): AsyncGenerator<Buffer> {
    for await (const rows of listRows(this.#services, request, signal)) {
      yield await dataRows(rows, this.#encoding, this.#services.conversions)
    }
  }

  async *#get(request: Request & { verb: 'GET' }): AsyncGenerator<Buffer> {
    const names = request.columns.map((column, i) => column.name ?? `column${i + 1}`)
    const { interruptedReads } = this.#services
    yield rowDescription(request.withLine ? ['line', ...names] : names)
    const copy = request.copy && readServerCopy(request.copy, request, this.#services.sealingKey)
    const blob = await this.#blob(copy ?? request)
    yield* this.#during(request, signal =>
      copy === undefined
        ? readBlobRows(this.#services, request, blob, interruptedReads, signal)
        : readCopyRows(this.#services, copy, blob, signal),
    )
  }

  async *#names(request: Request & { verb: 'NAMES' }): AsyncGenerator<Buffer> {
    const copy = readServerCopy(request.copy ?? {}, request, this.#services.sealingKey)
    const blob = await this.#blob(copy)
    yield rowDescription(['name'])
    yield* this.#during(request, signal => this.#namesOf(copy, blob, signal))
  }

  async *#namesOf(copy: ServerCopy, blob: Blob, signal: AbortSignal): AsyncGenerator<Buffer> {
    const names = await readCopyColumns(this.#services, copy, blob, signal)
    const rows = names.map(name => [name])
    yield await dataRows(rows, this.#encoding, this.#services.conversions)
  }

  async #open(request: Request & { verb: 'OPEN' }): Promise<BlobRowsUpload> {
    const call = this.#begin(request)
    try {
      const copy = request.copy && readServerCopy(request.copy, request, this.#services.sealingKey)
      if (copy) await checkCopyTo(this.#services, copy, AbortSignal.any([call.signal, this.#closed.signal]))
      const rows = copy ?? request
      const blob = await this.#blob(rows)
      const upload = await BlobRowsUpload.open(this.#services, rows, blob, call, this.#closed.signal)
      this.#uploads.set(upload.id, upload)
      this.#hasOpened = true
      return upload
    } catch (error) {
      call.end()
      throw error
    }
  }

  async #commit(id: string, rest: Buffer): Promise<void> {
    const upload = this.#uploadOf(id)
    try {
      await upload.commit(rest)
    } finally {
      this.#uploads.delete(id)
    }
  }

  #uploadOf(id: string): BlobRowsUpload {
    const upload = this.#uploads.get(id)
    if (upload) return upload
    throw new PgError({ message: 'azure_storage: the upload is over', code: SQLSTATE.objectNotInPrerequisiteState })
  }

  /** Runs work that ends with the statement it is for, or with the connection. */
  async *#during(target: Target, work: (signal: AbortSignal) => AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    const call = this.#begin(target)
    try {
      yield* work(AbortSignal.any([call.signal, this.#closed.signal]))
    } catch (error) {
      throw call.signal.aborted ? call.signal.reason : error
    } finally {
      call.end()
    }
  }

  #begin({ call }: Target): Call {
    const since = this.#waitingSince
    this.#waitingSince = Number.POSITIVE_INFINITY
    this.#log.debug({ serves: call.session, backend: call.pid }, 'function call')
    return this.#services.calls.begin(call, since)
  }

  async #blob(request: RowsOfBlob | ServerCopy): Promise<Blob> {
    const { account, container, path, grant } = request
    const sas = 'sas' in request ? request.sas : undefined
    const credential = sas === undefined ? await credentialOf(account, grant, this.#services) : parseCredential(sas)
    return openBlob(this.#services.config.storageEndpoints, account, credential, container, path)
  }
}
