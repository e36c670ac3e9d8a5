import type { Logger } from '../log.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import { type Blob, listBlobs, openBlob } from '../storage/blob-client.ts'
import { anonymous, type Credential, parseCredential } from '../storage/credentials.ts'
import { isGenuine } from '../storage/grants.ts'
import { openSealed } from '../storage/sealing.ts'
import { readBlobRows } from './blob-rows.ts'
import { BlobRowsUpload } from './blob-rows-upload.ts'
import type { Call, Calls } from './calls.ts'
import type { Cancels } from './cancels.ts'
import type { InterruptedReads } from './interrupted-reads.ts'
import { type Request, type RowsOfBlob, readRequest, type Target } from './request.ts'
import { dataRow, rowDescription } from './rows.ts'
import { sealForAccount } from './seal-request.ts'

/** What all loopback connections of a proxy share. */
export interface LoopbackServices extends Services {
  readonly calls: Calls
  readonly cancels: Cancels
  readonly interruptedReads: InterruptedReads
  /** Tells this proxy from others at the same address. */
  readonly proxyId: string
}

const LIST_COLUMNS = ['path', 'bytes', 'last_modified', 'etag', 'content_type', 'content_encoding', 'content_hash']

/** The requests of one loopback connection, and the uploads it has open. */
export class Requests {
  readonly #services: LoopbackServices
  readonly #log: Logger
  readonly #closed = new AbortController()
  readonly #uploads = new Map<string, BlobRowsUpload>()

  /** The database's. */
  readonly #encoding: string
  /** When the backend began to wait. For its first request, it has waited since it began to connect. */
  #waitingSince = performance.now()
  /** The statement that the connection was opened for. */
  #statement: string | undefined

  constructor(services: LoopbackServices, encoding: string, log: Logger) {
    this.#log = log
    this.#services = services
    this.#encoding = encoding
  }

  get uploads(): Iterable<BlobRowsUpload> {
    return this.#uploads.values()
  }

  /** Messages of the reply: RowDescription and DataRows. @throws PgError */
  async *answer(body: Buffer): AsyncGenerator<Buffer> {
    const request = readRequest(body, this.#encoding)
    switch (request.verb) {
      case 'PING':
        yield rowDescription(['proxy'])
        yield dataRow([this.#services.proxyId], this.#encoding)
        break
      case 'CANCEL':
        yield rowDescription(['session'])
        for (const session of request.sessions) {
          if (this.#services.cancels.cancelOwn(session)) yield dataRow([session], this.#encoding)
        }
        break
      case 'LIST':
        yield* this.#list(request)
        break
      case 'GET':
        yield* this.#get(request)
        break
      case 'SEAL': {
        const sealed = await sealForAccount(request, this.#services.sealingKey)
        yield rowDescription(['sealed'])
        yield dataRow([sealed], this.#encoding)
        break
      }
      case 'OPEN': {
        const upload = await this.#open(request)
        yield rowDescription(['upload', 'mode'])
        yield dataRow([upload.id, upload.mode], this.#encoding)
        break
      }
      case 'DATA':
        await this.#uploadOf(request.upload).write(request.payload)
        yield* this.#openUploads()
        break
      case 'COMMIT':
        await this.#commit(request.upload, request.payload)
        yield* this.#openUploads()
        break
      default:
        request satisfies never
    }
  }

  /** The connection is over: nothing of it is to go on. */
  close(): void {
    this.#closed.abort()
    for (const upload of this.#uploads.values()) upload.abort()
    this.#uploads.clear()
  }

  async *#list(request: Request & { verb: 'LIST' }): AsyncGenerator<Buffer> {
    yield rowDescription(LIST_COLUMNS)
    yield* this.#during(request, signal => this.#listed(request, signal))
  }

  async *#listed(request: Request & { verb: 'LIST' }, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { account, container, prefix } = request
    const { storageEndpoints } = this.#services.config
    const credential = await this.#credential(request)
    for await (const blobs of listBlobs(storageEndpoints, account, credential, container, prefix, signal)) {
      yield Buffer.concat(
        blobs.map(blob =>
          dataRow(
            [
              blob.path,
              String(blob.bytes),
              blob.lastModified.toISOString(),
              blob.etag,
              blob.contentType,
              blob.contentEncoding,
              blob.contentHash,
            ],
            this.#encoding,
          ),
        ),
      )
    }
  }

  async *#get(request: RowsOfBlob): AsyncGenerator<Buffer> {
    const names = request.columns.map((column, i) => column.name ?? `column${i + 1}`)
    const { interruptedReads } = this.#services
    yield rowDescription(request.withLine ? ['line', ...names] : names)
    const blob = await this.#blob(request)
    yield* this.#during(request, signal => readBlobRows(this.#services, request, blob, interruptedReads, signal))
  }

  async #open(request: RowsOfBlob): Promise<BlobRowsUpload> {
    const call = this.#begin(request)
    try {
      const blob = await this.#blob(request)
      const upload = new BlobRowsUpload(this.#services, request, blob, call, this.#closed.signal)
      this.#uploads.set(upload.id, upload)
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

  *#openUploads(): Generator<Buffer> {
    yield rowDescription(['open'])
    yield dataRow([String(this.#uploads.size)], this.#encoding)
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

  async #blob(request: RowsOfBlob): Promise<Blob> {
    const { account, container, path } = request
    const credential = await this.#credential(request)
    return openBlob(this.#services.config.storageEndpoints, account, credential, container, path)
  }

  /**
   * A role that has the extension dblink can speak over the connection of its own blob_put(): so each request must prove
   * its right, and for the statement that the connection was opened for.
   */
  async #credential({ account, grant, call }: Target): Promise<Credential> {
    const { pid, statement } = call
    this.#statement ??= `${pid} ${statement}`
    if (grant === undefined) return anonymous
    const { sealingKey, identity } = this.#services
    const { authType, sealed } = grant
    if (
      this.#statement !== `${pid} ${statement}` ||
      !isGenuine({ pid, statement, account, authType, sealed, mac: grant.mac }, sealingKey)
    ) {
      throw new PgError({
        message: `azure_storage: the caller has not proved that it may use storage account ${account}`,
        code: SQLSTATE.insufficientPrivilege,
      })
    }
    if (sealed === null) return { kind: 'managed-identity', identity }
    return parseCredential(await openSealed(sealed, { account, authType }, sealingKey, grant.passphrase))
  }
}
