/*
 * How many blobs a page of a listing has: the SDK reads it in one go, and sessions are not to notice. That takes some 50 µs
 * a blob and 90 ns for each char of its name's XML, which may be five for one of the name.
 */

/** Not more than some milliseconds, whatever the names are. */
export const FIRST_PAGE_BLOBS = 40
const MAX_PAGE_BLOBS = 300
/** Of a page, in chars of XML. */
const PAGE_LENGTH = 160_000
/** What a blob without a name counts. */
const BLOB_LENGTH = 500

/** The next page has names like those of the last one: a listing is in their order. */
export function nextPageSize(names: readonly string[]): number {
  const length = names.reduce((sum, name) => sum + BLOB_LENGTH + xmlLength(name), 0)
  const average = length / Math.max(1, names.length)
  return Math.max(1, Math.min(MAX_PAGE_BLOBS, Math.floor(PAGE_LENGTH / Math.max(BLOB_LENGTH, average))))
}

const xmlLength = (name: string): number => name.length + 4 * (name.match(/[&<>"']/g)?.length ?? 0)
