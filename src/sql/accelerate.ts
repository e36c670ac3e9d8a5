import type { ResolvedFormat } from '../formats/format.ts'
import { type BlobPutCall, readBlobPut } from './accelerate-put.ts'
import type { CopyStatement } from './copy-statement.ts'
import type { RawStatement, SqlSettings } from './query-text.ts'

/** A statement with a function of ours that may run as a COPY, if all that is seen of it in the server allows that. */
export type Accelerable = BlobPutCall

const READERS: readonly ((raw: RawStatement, text: string, settings: SqlSettings) => Accelerable | undefined)[] = [
  readBlobPut,
]

/** Whether a statement has the shape of one. */
export function accelerable(raw: RawStatement, text: string, settings: SqlSettings): Accelerable | undefined {
  if (raw.reading !== 'read') return undefined
  for (const read of READERS) {
    const found = read(raw, text, settings)
    if (found) return found
  }
  return undefined
}

export interface AcceleratedBlob {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly format: ResolvedFormat
}

/** The COPY that stands for a call of a function. */
export const copyOfFunction = (
  name: 'blob_get' | 'blob_put',
  { account, container, path, format }: AcceleratedBlob,
  places: { readonly start: number; readonly end: number },
): CopyStatement => ({
  direction: name === 'blob_get' ? 'from' : 'to',
  function: name,
  url: { account, container, path, redacted: '' },
  format,
  relation: undefined,
  query: undefined,
  extra: undefined,
  extraOptions: {},
  failure: undefined,
  files: undefined,
  columns: [],
  rejected: undefined,
  original: '',
  options: [],
  given: [],
  condition: undefined,
  places: { ...places, relation: places.start, columns: undefined, keyword: places, file: places, where: undefined },
})
