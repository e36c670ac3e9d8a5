import { growth, type Sightings } from './watched-transfers.ts'

/** Where a table `ev` and blobs of its rows are. */
export interface Shelf {
  readonly account: string
  readonly container: string
}

export interface TransferKind {
  /** For an import, the table that it fills. */
  readonly name: string
  readonly path: string
  readonly direction: 'import' | 'export'
  readonly format: 'csv' | 'parquet'
  readonly sql: string
}

/** Exports of that table, then imports of what these have written; COPY in a function reads `again`. */
export function transferKinds(
  { account, container }: Shelf,
  again: string,
): { readonly exports: TransferKind[]; readonly imports: TransferKind[] } {
  const blobUrl = (path: string): string => `https://${account}.blob.core.windows.net/${container}/${path}`
  const args = (path: string): string => `'${account}', '${container}', '${path}'`
  const kind = (name: string, direction: TransferKind['direction'], path: string, sql: string): TransferKind => {
    const format = path.endsWith('.parquet') ? 'parquet' : 'csv'
    return { name, path, direction, format, sql }
  }
  return {
    exports: [
      kind('COPY TO', 'export', 'copied.csv', `COPY ev TO '${blobUrl('copied.csv')}'`),
      kind('blob_put', 'export', 'put.csv', `SELECT azure_storage.blob_put(${args('put.csv')}, ev) FROM ev`),
      kind('COPY TO Parquet', 'export', 'copied.parquet', `COPY ev TO '${blobUrl('copied.parquet')}'`),
    ],
    imports: [
      kind('copied', 'import', 'copied.csv', `COPY copied FROM '${blobUrl('copied.csv')}'`),
      kind(
        'got',
        'import',
        'put.csv',
        `INSERT INTO got SELECT * FROM azure_storage.blob_get(${args('put.csv')}, NULL::ev)`,
      ),
      kind('in_function', 'import', again, `DO $$ BEGIN COPY in_function FROM '${blobUrl(again)}'; END $$`),
      kind('spooled', 'import', 'copied.parquet', `COPY spooled FROM '${blobUrl('copied.parquet')}'`),
    ],
  }
}

/** The table, and empty ones for the imports. */
export const makeTables = (rows: number): string => `
  CREATE TABLE ev AS SELECT g AS id, translate(encode(sha512(g::text::bytea), 'base64'), E'\\n', '') AS payload, g % 7 = 0 AS is_odd
    FROM generate_series(1, ${rows}) AS g;
  CREATE TABLE copied (LIKE ev); CREATE TABLE got (LIKE ev); CREATE TABLE in_function (LIKE ev); CREATE TABLE spooled (LIKE ev)`

/** How many rows, and which. */
export const contentsOf = (table: string): string =>
  `SELECT concat(count(*), ' ', sum(hashtextextended(e::text, 0))) AS contents FROM ${table} AS e`

const FIRST_PART_BYTES = 8 * 1024 * 1024

/** What was not seen of a transfer as it should be. */
export function shortcomings(
  { direction, format, path }: TransferKind,
  seen: Sightings,
  { bytes, rows }: { readonly bytes: number; readonly rows: number },
): string[] {
  const { notices, bar, words, api, events, metric, finished } = seen
  // A longer one is read part by part, and its rows come soon.
  const isSpooled = direction === 'import' && format === 'parquet' && bytes < FIRST_PART_BYTES
  const moved = (views: Sightings['api']): number => growth(views.map(each => each.bytes + (each.rows ?? 0)))
  const found: Record<string, boolean> = {
    [`psql ended with ${seen.status}: ${seen.stderr}`]: seen.status !== 0,
    [`notices: ${notices}`]: new Set(notices).size < 2,
    [`bar: ${direction === 'import' ? bar : words}`]:
      direction === 'import' ? growth(bar.filter(value => value !== undefined)) < 3 : new Set(words).size < 3,
    [`api: ${api.map(each => each.bytes)}`]: moved(api) < 3,
    [`events: ${events.map(each => each.bytes)}`]: moved(events) < 3,
    [`metric: ${metric}`]: growth(metric) < 3,
    'nothing of the spooling': isSpooled && moved(api.filter(({ state }) => state === 'spooling')) < 3,
    'no notice of the spooling': isSpooled && !notices.some(notice => notice.includes('copying the file')),
    [`ended as ${JSON.stringify(finished)}, not with ${rows} rows and ${bytes} bytes`]:
      finished.outcome !== 'done' || finished.sqlstate !== null || finished.rows !== rows || finished.bytes !== bytes,
  }
  return Object.keys(found)
    .filter(each => found[each])
    .map(each => `${path}, ${direction}: ${each}`)
}
