import { BlobServiceClient } from '@azure/storage-blob'
import { parseCredential } from '../credentials/credential.ts'
import { type Encoding, textReader } from '../infer/encoding.ts'
import { type Inference, infer } from '../infer/infer.ts'
import { tableName } from '../infer/names.ts'
import { readRows } from '../infer/rows.ts'
import type { Sample } from '../infer/sample.ts'
import { statementsFor } from '../infer/statements.ts'
import type { InferredTable } from '../infer/table.ts'
import { listBlobs, openBlob, pipelineFor } from '../storage/blob-client.ts'
import { endpointFor, type StorageEndpoints } from '../storage/endpoints.ts'
import { checkAccountName } from '../storage/names.ts'
import type { BlobsView, BlobView, ContainerView, PreviewView } from './api.ts'

const MAX_CONTAINERS = 1000
const MAX_BLOBS = 200
const MAX_ROWS = 20
const MAX_COLUMNS = 100
const MAX_CELL_CHARS = 200
const TEXT_CHARS = 2000
const TEXT_BYTES = 4 * TEXT_CHARS
/** By which columns are guessed, and of which rows are shown. */
const SAMPLE_BYTES = 128 * 1024
/** Of a Parquet file, which has to be there as a whole. */
const SPOOL_LIMIT_BYTES = 256 * 1024 * 1024
const TIME_LIMIT_MS = 20_000

export interface BrowsedAccount {
  readonly name: string
  readonly key: string
}

/** A look at the blobs of a stack to develop with. */
export class StorageBrowser {
  readonly #endpoints: StorageEndpoints
  readonly #accounts: readonly BrowsedAccount[]
  readonly #timeLimitMs: number
  #previewed: Promise<unknown> = Promise.resolve()

  constructor(endpoints: StorageEndpoints, accounts: readonly BrowsedAccount[], timeLimitMs = TIME_LIMIT_MS) {
    this.#endpoints = endpoints
    this.#accounts = accounts
    this.#timeLimitMs = timeLimitMs
  }

  /** @throws PgError, as the others */
  async containers(): Promise<ContainerView[]> {
    const found = await Promise.all(this.#accounts.map(account => this.#containersOf(account)))
    return found.flat().slice(0, MAX_CONTAINERS)
  }

  async blobs(account: string, container: string, prefix: string): Promise<BlobsView> {
    const credential = this.#credentialOf(account)
    const signal = AbortSignal.timeout(this.#timeLimitMs)
    const blobs: BlobView[] = []
    for await (const page of listBlobs(this.#endpoints, account, credential, container, prefix, signal)) {
      for (const { path, bytes, lastModified } of page) {
        blobs.push({ path, bytes, lastModified: lastModified.toISOString() })
      }
      if (blobs.length > MAX_BLOBS) break
    }
    return { blobs: blobs.slice(0, MAX_BLOBS), isMore: blobs.length > MAX_BLOBS }
  }

  /** One at a time, for each may copy a file and have a process; the limit is for the wait as well. */
  preview(account: string, container: string, path: string, caller: AbortSignal): Promise<PreviewView> {
    const signal = AbortSignal.any([caller, AbortSignal.timeout(this.#timeLimitMs)])
    const preview = this.#previewed.then(() => {
      signal.throwIfAborted()
      return this.#preview(account, container, path, signal)
    })
    this.#previewed = preview.catch(() => {})
    return preview
  }

  async #preview(account: string, container: string, path: string, signal: AbortSignal): Promise<PreviewView> {
    const blob = openBlob(this.#endpoints, account, this.#credentialOf(account), container, path)
    const limits = { sampleBytes: SAMPLE_BYTES, spoolLimitBytes: SPOOL_LIMIT_BYTES, signal }
    const inference = await infer(blob, path, limits)
    const url = `https://${account}.blob.core.windows.net/${container}/${path.split('/').map(encodeURIComponent).join('/')}`
    const { createTable, copy, query } = statementsFor(inference, tableName(path), {
      ...{ kind: 'blob', url, account, container, path },
    })
    return {
      ...(await contentsOf(inference)),
      ...{ createTable, copy, query, isSample: inference.sampledBytes !== undefined },
    }
  }

  async #containersOf({ name, key }: BrowsedAccount): Promise<ContainerView[]> {
    const url = endpointFor(this.#endpoints, name)
    const client = new BlobServiceClient(url, pipelineFor(this.#endpoints, url, name, parseCredential(key)))
    const abortSignal = AbortSignal.timeout(this.#timeLimitMs)
    const pages = client.listContainers({ abortSignal }).byPage({ maxPageSize: MAX_CONTAINERS })
    const { value } = await pages.next()
    return value.containerItems.map((item: { name: string }) => ({ account: name, container: item.name }))
  }

  /** Of the stack's own accounts alone. */
  #credentialOf(account: string) {
    checkAccountName(account)
    return parseCredential(this.#accounts.find(({ name }) => name === account)?.key ?? '')
  }
}

async function contentsOf({
  found,
  compression,
  sample,
}: Inference): Promise<Pick<PreviewView, 'format' | 'columns' | 'rows' | 'text'>> {
  const packed = compression === 'gzip' ? ', gzip' : ''
  if (found.kind === 'parquet') return { format: 'Parquet', columns: found.columns.slice(0, MAX_COLUMNS), rows: [] }
  if (found.kind === 'document') {
    const columns = [{ name: 'document', type: found.type }]
    return { format: found.format + packed, columns, rows: [], text: textOf(sample, found.encoding) }
  }
  const { dialect, encoding } = found.writing
  const columns = found.columns.slice(0, MAX_COLUMNS)
  if (dialect.isLines) return { format: `lines${packed}`, columns, rows: [], text: textOf(sample, encoding) }
  return { format: dialect.format + packed, columns, rows: await firstRows(sample, found) }
}

const textOf = ({ bytes }: Sample, encoding: Encoding): string =>
  textReader(encoding)(bytes.subarray(0, TEXT_BYTES)).slice(0, TEXT_CHARS)

async function firstRows({ bytes, isWhole }: Sample, { writing, header, columns }: InferredTable): Promise<string[][]> {
  const wanted = MAX_ROWS + (header ? 1 : 0)
  const rows: string[][] = []
  for await (const batch of readRows([bytes], writing, columns.length, isWhole)) {
    const cells = batch.slice(0, wanted - rows.length).map(row => row.slice(0, MAX_COLUMNS))
    rows.push(...cells.map(row => row.map(cell => shortened(cell ?? ''))))
    if (rows.length === wanted) break
  }
  return header ? rows.slice(1) : rows
}

const shortened = (text: string): string => (text.length > MAX_CELL_CHARS ? `${text.slice(0, MAX_CELL_CHARS)}…` : text)
