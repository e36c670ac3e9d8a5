import { asPgError, PgError, type PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { type BlobUrl, isBlobUrl, parseBlobUrl } from '../storage/blob-url.ts'
import type { CopyExtras } from './copy-extras.ts'
import type { CopyOptions } from './copy-options.ts'
import { decodeText } from './encoding.ts'
import type { SqlSettings } from './query-text.ts'
import { REJECTED } from './skip-options.ts'

interface Rejected {
  readonly url?: BlobUrl
  /** What is wrong with it, where extras are on. */
  readonly failure?: PgErrorFields
}

/** `source`: the blob that is read. */
export function rejectedUrl(
  source: BlobUrl,
  { extraOptions, failure }: Pick<CopyExtras, 'extraOptions' | 'failure'>,
  { extras }: CopyOptions,
  { encoding, endpoints }: SqlSettings,
): Rejected {
  if (!extraOptions.tellsRejected || failure) return {}
  const url = decodeText(String(extras.find(({ name }) => name === REJECTED)?.value), encoding)
  try {
    if (!isBlobUrl(url)) throw noUrl()
    const rejected = parseBlobUrl(url, endpoints)
    if (isSameBlob(rejected, source)) throw isSource()
    return { url: rejected }
  } catch (error) {
    const { message, code, detail, hint } = asPgError(error)
    return { failure: { message, code, detail, hint } }
  }
}

const isSameBlob = (a: BlobUrl, b: BlobUrl): boolean =>
  a.account === b.account && a.container === b.container && a.path === b.path

const isSource = (): PgError =>
  new PgError({
    message: 'azure_storage: the blob of option "rejected" is the one that the rows are read from',
    code: SQLSTATE.invalidParameterValue,
    detail: 'It would be replaced.',
  })

const noUrl = (): PgError =>
  new PgError({
    message: 'azure_storage: argument to option "rejected" must be the URL of a blob',
    code: SQLSTATE.invalidParameterValue,
  })

/** Whoever runs it in a function has no proxy that could take them. */
export const rejectedInFunction = (): PgErrorFields => ({
  message: 'azure_storage: COPY REJECTED cannot be used inside a function',
  code: SQLSTATE.featureNotSupported,
})
