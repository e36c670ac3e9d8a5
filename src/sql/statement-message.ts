import type { BlobUrl } from '../storage/blob-url.ts'
import type { Statement } from './classify.ts'

/** What a thread that reads texts is asked, and what it answers. */
export type ReaderAnswer =
  /** It has started. */
  | { readonly kind: 'ready' }
  /** `isLast`: the parser is not to be trusted any more. */
  | { readonly kind: 'read'; readonly statements: Statement[] | undefined; readonly isLast: boolean }

/** A message between threads leaves out what is not enumerable, such as the secret of a URL. */
export function packStatements(statements: Statement[] | undefined): Statement[] | undefined {
  return statements?.map(statement => {
    if (statement.kind !== 'copy') return statement
    const { copy } = statement
    return { ...statement, copy: { ...copy, url: shown(copy.url), rejected: copy.rejected && shown(copy.rejected) } }
  })
}

const shown = (url: BlobUrl): BlobUrl => (url.sas === undefined ? url : { ...url, sas: url.sas })

/** Hides the secrets again. */
export function unpackStatements(statements: Statement[] | undefined): Statement[] | undefined {
  for (const statement of statements ?? []) {
    if (statement.kind !== 'copy') continue
    for (const url of [statement.copy.url, statement.copy.rejected]) {
      if (url?.sas !== undefined) Object.defineProperty(url, 'sas', { enumerable: false })
    }
  }
  return statements
}
