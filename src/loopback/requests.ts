import type { Transfer } from '../activity/transfer.ts'
import type { Logger } from '../log.ts'
import { sealForAccount, warningOf } from '../operations/account-add.ts'
import { LIST_COLUMNS, type ListRequest, listRows } from '../operations/blob-list.ts'
import { BlobRowsUpload } from '../operations/blob-put.ts'
import type { Call, Calls } from '../operations/calls.ts'
import type { InterruptedReads } from '../operations/interrupted-reads.ts'
import { openContainer } from '../operations/open-blob.ts'
import type { Target } from '../operations/rows-of-blob.ts'
import { checkCopyTo, type ServerCopy } from '../operations/server-copy.ts'
import { type ErrorFields, errorFields } from '../protocol/messages.ts'
import { PgError, ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import type { Cancels } from './cancels.ts'
import { answerFaults, FAULT_COLUMNS } from './fault-requests.ts'
import { beginTransfer, transferred } from './function-transfer.ts'
import { Handshake, type Whereabouts } from './handshake.ts'
import { type Request, readMessage, readRequest } from './request.ts'
import { dataRows, rowDescription } from './rows.ts'
import { RowsMemory } from './rows-memory.ts'
import { readNames, readRows } from './rows-to-read.ts'
import { readServerCopy, readText } from './server-copies.ts'
import { transferRows } from './transfer-rows.ts'

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

type Work = (signal: AbortSignal, call: Call) => AsyncGenerator<Buffer>

/** The requests of one loopback connection, and the uploads it has open. */
export class Requests {
  readonly #services: LoopbackServices
  readonly #log: Logger
  readonly #closed = new AbortController()
  readonly #uploads = new Map<string, BlobRowsUpload>()
  readonly #handshake: Handshake
  readonly #memory: RowsMemory
  #hasOpened = false
  #isOver = false
  /** All rows are on their way; whether they were good, the backend shows by how it goes. */
  #read: Transfer | undefined

  /** The database's. */
  readonly #encoding: string
  /** When the backend began to wait. For its first request, it has waited since it began to connect. */
  #waitingSince = performance.now()

  constructor(services: LoopbackServices, encoding: string, log: Logger) {
    this.#log = log
    this.#services = services
    this.#encoding = encoding
    this.#memory = new RowsMemory(services.memory)
    this.#handshake = new Handshake(services.sealingKey, services.whereabouts)
  }

  /** What may come next. */
  get expected(): 'hello' | 'request' | 'rows' {
    if (this.#hasOpened) return 'rows'
    return this.#handshake.hasGreeted ? 'request' : 'hello'
  }

  /** The one request of the connection is answered; only uploads take more, and what is read may be taken for bad. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Only how the backend goes is still of interest. */
  get hasRead(): boolean {
    return this.#read !== undefined
  }

  /** Ends an answer: how many uploads are open. Rows have no other answer. */
  get commandTag(): string {
    return this.#hasOpened ? `OPEN ${this.#uploads.size}` : 'SELECT'
  }

  /** A message of rows is on its way; see RowsMemory. The reasons are those why its statement is to end. */
  expectRows(length: number, refuse: (error: PgError) => void): Promise<void> | undefined {
    const calls = (): AbortSignal[] => Array.from(this.#uploads.values(), ({ signal }) => signal)
    return this.#memory.expect(length, refuse, () => AbortSignal.any([this.#closed.signal, ...calls()]))
  }

  messageAnswered(): void {
    this.#memory.end()
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
        yield await this.#rows([proof])
        break
      }
      case 'request': {
        if (this.#read) throw new ProtocolError('azure_storage: there is a request already')
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
        else await this.#uploadOf(message.upload).take(message.rows)
        break
      case 'failed':
        if (!this.#read) throw new ProtocolError('azure_storage: nothing was read that could be bad')
        this.#read.failedWith(message.sqlstate)
        this.#isOver = true
        break
      default:
        message satisfies never
    }
  }

  /** An error as the backend reads it. */
  errorFields(error: PgError): Promise<ErrorFields> {
    return this.#services.conversions.encodeError(errorFields(error), this.#encoding)
  }

  #rows(rows: readonly (readonly (string | undefined)[])[]): Promise<Buffer> {
    return dataRows(rows, texts => this.#services.conversions.encodeAll(texts, this.#encoding))
  }

  /** The connection is over, `lost` where its peer has not said so: nothing of it is to go on. */
  close(lost?: PgError): void {
    this.#closed.abort(lost)
    this.messageAnswered()
    if (lost) this.#read?.failed(lost)
    else this.#read?.done()
    for (const upload of this.#uploads.values()) upload.abort(lost)
    this.#uploads.clear()
  }

  async *#serve(request: Request): AsyncGenerator<Buffer> {
    switch (request.verb) {
      case 'PING':
        yield rowDescription(['proxy'])
        yield await this.#rows([[this.#services.proxyId]])
        break
      case 'TRANSFERS':
        yield rowDescription(['transfer'])
        yield* transferRows(this.#services, this.#encoding, this.#closed.signal)
        break
      case 'CANCEL':
        yield rowDescription(['session'])
        for (const session of request.sessions) {
          if (this.#services.cancels.cancelOwn(session)) yield await this.#rows([[session]])
        }
        break
      case 'LIST':
        yield rowDescription(LIST_COLUMNS)
        yield* this.#during(request, signal => this.#listed(request, signal))
        break
      case 'GET':
        yield* this.#get(request)
        break
      case 'NAMES':
        yield* this.#names(request)
        break
      case 'READ': {
        yield rowDescription(['part'])
        const parts = await readText(request, this.#services, this.#closed.signal)
        yield await this.#rows(parts.map(part => [JSON.stringify(part)]))
        break
      }
      case 'SEAL': {
        const { sealingKey } = this.#services
        const sealed = await sealForAccount(request, sealingKey)
        yield rowDescription(['sealed', 'warning'])
        yield await this.#rows([[sealed, warningOf(request, sealingKey)]])
        break
      }
      case 'OPEN': {
        const upload = await this.#open(request)
        yield rowDescription(['upload', 'mode'])
        yield await this.#rows([[upload.id, upload.mode]])
        break
      }
      case 'INJECT':
      case 'CLEAR':
      case 'FAULTS':
        yield rowDescription(FAULT_COLUMNS)
        yield await this.#rows(await answerFaults(request, this.#services.faults))
        break
      default:
        request satisfies never
    }
  }

  async *#listed(request: ListRequest, signal: AbortSignal): AsyncGenerator<Buffer> {
    for await (const rows of listRows(this.#services, request, signal)) yield await this.#rows(rows)
  }

  async *#get(request: Request & { verb: 'GET' }): AsyncGenerator<Buffer> {
    const names = request.columns.map((column, i) => column.name ?? `column${i + 1}`)
    yield rowDescription(request.withLine ? ['line', ...names] : names)
    const copy = request.copy && readServerCopy(request.copy, request, this.#services.sealingKey)
    // A second reading, for the place of a mistake, is none that would be shown.
    if (request.withLine) return yield* this.#during(request, signal => readRows(this.#services, request, copy, signal))
    const transfer = beginTransfer(this.#services, request.verb, copy ?? request, copy !== undefined)
    yield* this.#during(request, (signal, call) =>
      transferred(transfer, call, signal, readRows(this.#services, request, copy, signal, transfer)),
    )
    this.#isOver = false
    this.#read = transfer
  }

  async *#names(request: Request & { verb: 'NAMES' }): AsyncGenerator<Buffer> {
    yield rowDescription(['name'])
    const copy = readServerCopy(request.copy ?? {}, request, this.#services.sealingKey)
    yield* this.#during(request, signal => this.#namesOf(copy, signal))
  }

  async *#namesOf(copy: ServerCopy, signal: AbortSignal): AsyncGenerator<Buffer> {
    yield await this.#rows(await readNames(this.#services, copy, signal))
  }

  async #open(request: Request & { verb: 'OPEN' }): Promise<BlobRowsUpload> {
    const call = this.#begin(request)
    let transfer: Transfer | undefined
    try {
      const copy = request.copy && readServerCopy(request.copy, request, this.#services.sealingKey)
      if (copy) await checkCopyTo(this.#services, copy, AbortSignal.any([call.signal, this.#closed.signal]))
      const rows = copy ?? request
      transfer = beginTransfer(this.#services, request.verb, copy ?? request, copy !== undefined)
      const belongings = { call, transfer, closed: this.#closed.signal }
      const container = await openContainer(this.#services, rows, rows.grant, rows.databaseName)
      const upload = await BlobRowsUpload.open(this.#services, rows, container.blob(rows.path), belongings)
      this.#uploads.set(upload.id, upload)
      this.#hasOpened = true
      // Over meanwhile, the connection would never end it.
      if (this.#closed.signal.aborted) this.close()
      return upload
    } catch (error) {
      transfer?.failed(error)
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
  async *#during(target: Target, work: Work): AsyncGenerator<Buffer> {
    const call = this.#begin(target)
    try {
      yield* work(AbortSignal.any([call.signal, this.#closed.signal]), call)
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
}
