import type { Readable } from 'node:stream'
import {
  AnonymousCredential,
  BlockBlobClient,
  ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  newPipeline,
  type Pipeline,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import type { Credential } from '../credentials/credential.ts'
import { answerPolicy, type OnAnswer } from './answers.ts'
import { type BlobDownload, type OnBytes, ResumingDownload } from './blob-download.ts'
import { BlobUpload, type BlockStore, type UploadOptions } from './blob-upload.ts'
import { endpointFor, type StorageEndpoints } from './endpoints.ts'
import {
  connectionLost,
  insecureEndpoint,
  isCutOff,
  noAnswer,
  otherRange,
  type RequestContext,
  toPgError,
} from './errors.ts'
import { faultPolicy } from './fault-policy.ts'
import type { TakeFault, Use } from './faults.ts'
import { FIRST_PAGE_BLOBS, nextPageSize } from './list-pages.ts'
import { nameReferences } from './listed-names.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from './names.ts'
import { RequestGuard } from './request-guard.ts'

/** One blob of one account, seen with one credential. */
export interface Blob {
  /** Starts reading. `body` streams with back-pressure and survives a dropped connection. */
  download(options: DownloadOptions): Promise<BlobDownload>
  /** Starts writing. Nothing happens to the blob until the upload's `commit`. */
  upload(options: UploadOptions): BlobUpload
}

export interface DownloadOptions {
  readonly signal: AbortSignal
  readonly range?: RequestedRange
  /** Told how many bytes have come. */
  readonly onBytes?: OnBytes
}

/** Some of a blob's bytes, or as many of them as there are; with `etag`, only of that version. */
export interface RequestedRange {
  readonly offset: number
  readonly length: number
  readonly etag?: string
}

/** What whoever uses a blob has to do with its requests. */
export interface RequestHooks {
  readonly takeFault?: TakeFault | undefined
  readonly onAnswer?: OnAnswer | undefined
}

/** Retries after 0, 0.5 and 1.5 s, so that a refused connection fails within some 2 s. */
const RETRIES = { maxTries: 4, retryDelayInMs: 500, maxRetryDelayInMs: 4000 }
const SILENCE_LIMIT_MS = 60_000
/** The slowest upload that is believed to be alive. */
const MIN_UPLOAD_BYTES_PER_MS = 64

export function openBlob(
  endpoints: StorageEndpoints,
  account: string,
  credential: Credential,
  container: string,
  path: string,
  hooks: RequestHooks = {},
): Blob {
  checkAccountName(account)
  checkContainerName(container)
  checkBlobPath(path)
  const url = `${endpointFor(endpoints, account)}/${encodeURIComponent(container)}/${encodePath(path)}`
  const query = credential.kind === 'sas' ? `?${credential.query}` : ''
  const policies = hookPolicies(false, hooks, { account, container, path })
  const client = new BlockBlobClient(url + query, pipelineFor(endpoints, url, account, credential, policies))
  const anonymous = credential.kind === 'anonymous'
  return {
    download: options => download(client, { account, anonymous, operation: 'download' }, options),
    upload: options => new BlobUpload(blockStore(client, { account, anonymous, operation: 'upload' }), options),
  }
}

/** What blob_list() tells of a blob. */
export interface ListedBlob {
  readonly path: string
  readonly bytes: number
  readonly lastModified: Date
  readonly etag: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** MD5 in lower-case hex. */
  readonly contentHash: string | undefined
}

/** All blobs whose name begins with `prefix`, in name order, in pages. */
export async function* listBlobs(
  endpoints: StorageEndpoints,
  account: string,
  credential: Credential,
  container: string,
  prefix: string,
  callerSignal: AbortSignal,
  hooks: RequestHooks = {},
): AsyncGenerator<ListedBlob[]> {
  checkAccountName(account)
  checkContainerName(container)
  const query = credential.kind === 'sas' ? `?${credential.query}` : ''
  const url = `${endpointFor(endpoints, account)}/${encodeURIComponent(container)}${query}`
  const policies = hookPolicies(true, hooks, { account, container, path: prefix })
  const client = new ContainerClient(url, pipelineFor(endpoints, url, account, credential, policies))
  const context: RequestContext = { account, anonymous: credential.kind === 'anonymous', operation: 'list' }
  const guard = new RequestGuard(callerSignal, SILENCE_LIMIT_MS, () => noAnswer(context, SILENCE_LIMIT_MS / 1000))
  try {
    const options = { abortSignal: guard.signal, ...(prefix !== '' && { prefix }) }
    let continuationToken: string | undefined
    let maxPageSize = FIRST_PAGE_BLOBS
    do {
      const from = { maxPageSize, ...(continuationToken && { continuationToken }) }
      const request = async (): Promise<ContainerListBlobFlatSegmentResponse> =>
        (await client.listBlobsFlat(options).byPage(from).next()).value
      guard.expectProgress()
      const page = await mapErrors(context, guard.signal, () => untilWhole(request))
      guard.pause()
      continuationToken = page.continuationToken
      maxPageSize = nextPageSize(page.segment.blobItems.map(({ name }) => name))
      yield page.segment.blobItems.map(({ name, properties }) => ({
        path: name,
        bytes: properties.contentLength ?? 0,
        lastModified: properties.lastModified,
        etag: properties.etag.replace(/^(?:W\/)?"|"$/g, ''),
        contentType: properties.contentType,
        contentEncoding: properties.contentEncoding || undefined,
        contentHash: properties.contentMD5 && Buffer.from(properties.contentMD5).toString('hex'),
      }))
    } while (continuationToken)
  } finally {
    guard.release()
  }
}

/** The SDK tries again unless the answer has begun. */
async function untilWhole<T>(request: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await request()
    } catch (error) {
      if (tries === RETRIES.maxTries || !isCutOff(error)) throw error
    }
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

type Policies = readonly { readonly policy: object; readonly position: 'perCall' | 'perRetry' }[]

function hookPolicies(
  isListing: boolean,
  { takeFault, onAnswer }: RequestHooks,
  what: Omit<Use, 'operation'>,
): Policies {
  const fault = takeFault && faultPolicy(isListing, operation => takeFault({ operation, ...what }))
  return [
    ...(fault ? [{ policy: fault, position: 'perCall' as const }] : []),
    ...(onAnswer ? [{ policy: answerPolicy(isListing, onAnswer), position: 'perRetry' as const }] : []),
  ]
}

export function pipelineFor(
  endpoints: StorageEndpoints,
  url: string,
  account: string,
  credential: Credential,
  policies: Policies = [],
): Pipeline {
  // The SDK's types know only of the first of these. Redirects lead where nobody has configured that requests may go.
  const options = {
    retryOptions: RETRIES,
    redirectOptions: { maxRetries: 0 },
    ...(endpoints.trust && { tlsOptions: endpoints.trust }),
    additionalPolicies: [{ policy: nameReferences, position: 'perRetry' }, ...policies],
  }
  switch (credential.kind) {
    case 'shared-key':
      return newPipeline(new StorageSharedKeyCredential(account, credential.key), options)
    case 'sas':
    case 'anonymous':
      return newPipeline(new AnonymousCredential(), options)
    case 'managed-identity':
      if (!url.toLowerCase().startsWith('https:')) throw insecureEndpoint(account)
      return newPipeline(credential.identity, options)
    default:
      return credential satisfies never
  }
}

async function download(
  client: BlockBlobClient,
  context: RequestContext,
  { signal, range, onBytes }: DownloadOptions,
): Promise<BlobDownload> {
  const guard = new RequestGuard(signal, SILENCE_LIMIT_MS, () => noAnswer(context, SILENCE_LIMIT_MS / 1000))
  const request = (offset: number, ifMatch = range?.etag): Promise<BlobDownload> =>
    mapErrors(context, guard.signal, async () => {
      const options = {
        abortSignal: guard.signal,
        maxRetryRequests: 0,
        conditions: ifMatch === undefined ? {} : { ifMatch },
      }
      const start = (range?.offset ?? 0) + offset
      const response = await client.download(start, range && range.length - offset, options).catch(error => {
        if (error.statusCode !== 416 || start > 0) throw error
        return client.download(0, undefined, options) // an empty blob has not even a first byte
      })
      const body = response.readableStreamBody as Readable
      // Whatever is in between may not know of ranges: the rows before this one must not come twice.
      if (start > 0 && !response.contentRange?.startsWith(`bytes ${start}-`)) {
        body.on('error', () => {}).destroy()
        throw otherRange(context)
      }
      return {
        size: response.contentLength as number,
        blobSize: Number(response.contentRange?.split('/')[1] ?? response.contentLength),
        etag: response.etag as string,
        body,
      }
    })

  guard.expectProgress()
  try {
    const first = await request(0)
    guard.pause()
    const body = new ResumingDownload(first, request, guard, () => connectionLost(context), onBytes)
    // Cancelled before its consumer is there, the stream must not bring the process down.
    body.on('error', () => {})
    return { ...first, body }
  } catch (error) {
    guard.release()
    throw error
  }
}

function blockStore(client: BlockBlobClient, context: RequestContext): BlockStore {
  const send = async (bytes: number, signal: AbortSignal, request: (signal: AbortSignal) => Promise<unknown>) => {
    const limitMs = SILENCE_LIMIT_MS + bytes / MIN_UPLOAD_BYTES_PER_MS
    const guard = new RequestGuard(signal, limitMs, () => noAnswer(context, limitMs / 1000))
    guard.expectProgress()
    try {
      await mapErrors(context, guard.signal, () => request(guard.signal))
    } finally {
      guard.release()
    }
  }
  return {
    putBlob: (contents, signal) =>
      send(contents.length, signal, abortSignal => client.upload(contents, contents.length, { abortSignal })),
    stageBlock: (id, contents, signal) =>
      send(contents.length, signal, abortSignal => client.stageBlock(id, contents, contents.length, { abortSignal })),
    commitBlocks: (ids, signal) => send(0, signal, abortSignal => client.commitBlockList(ids, { abortSignal })),
  }
}

/** A cancelled request fails with the reason it was cancelled for, any other as the client is to see it. */
async function mapErrors<T>(context: RequestContext, signal: AbortSignal, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw signal.aborted ? signal.reason : toPgError(error, context)
  }
}
