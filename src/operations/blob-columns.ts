import { type HeaderRules, readCsvHeader } from '../formats/csv-header.ts'
import type { ResolvedFormat } from '../formats/format.ts'
import { readParquetColumnNames } from '../formats/parquet/column-names.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import type { OptionValue } from '../sql/copy-option.ts'
import type { Blob } from '../storage/blob-client.ts'
import { readBlob } from '../transfer/read-blob.ts'

/** What says how a COPY's blob is to be read. */
export interface BlobToLookAt {
  readonly format: ResolvedFormat
  readonly option: (name: string) => OptionValue | undefined
}

/** The names of a blob's columns, as bytes in `encoding`. */
export interface BlobColumns {
  readonly names: readonly Buffer[]
  readonly encoding: string
}

/** Of a table, in PostgreSQL. */
const MAX_COLUMNS = 1600

/** Looks into the begin of a csv blob with a header, or the end of a Parquet blob. @throws PgError */
export async function readBlobColumns(...args: Parameters<typeof readColumns>): Promise<BlobColumns> {
  const columns = await readColumns(...args)
  checkNames(columns)
  return columns
}

/** They become part of a statement's text; and who writes blobs could make many of them. */
function checkNames({ names, encoding }: BlobColumns): void {
  if (names.length > MAX_COLUMNS) {
    throw new PgError({
      message: `azure_storage: the blob has ${names.length} columns, and no table more than ${MAX_COLUMNS}`,
      code: SQLSTATE.tooManyColumns,
    })
  }
  const nameless = names.findIndex(name => name.length === 0)
  if (nameless >= 0) {
    throw new PgError({
      message: `azure_storage: column ${nameless + 1} of the blob has no name`,
      code: SQLSTATE.badCopyFileFormat,
    })
  }
  if (names.some(name => name.includes(0))) {
    throw new PgError({
      message: `invalid byte sequence for encoding "${encoding}": 0x00`,
      code: SQLSTATE.characterNotInRepertoire,
    })
  }
}

async function readColumns(
  { config, memory }: Pick<Services, 'config' | 'memory'>,
  blob: Blob,
  { format, option }: BlobToLookAt,
  clientEncoding: string,
  signal: AbortSignal,
): Promise<BlobColumns> {
  if (format.format === 'parquet') {
    const { blobSize, etag, body } = await blob.download({ signal, range: { offset: 0, length: 1 } })
    body.destroy()
    const names = await readParquetColumnNames(blobSize, async (offset, length) => {
      const range = await blob.download({ signal, range: { offset, length, etag } })
      const chunks: Buffer[] = []
      for await (const chunk of range.body as AsyncIterable<Buffer>) chunks.push(chunk)
      return Buffer.concat(chunks)
    })
    return { names: names.map(name => Buffer.from(name)), encoding: 'UTF8' }
  }
  const encoding = option('encoding')
  return {
    names: await readCsvHeader(
      readBlob(blob, { format, columns: [], spool: config, memory, signal }),
      headerRules(option),
    ),
    encoding: encoding === undefined ? clientEncoding : String(encoding),
  }
}

/** COPY complains about characters that cannot be. */
function headerRules(option: BlobToLookAt['option']): HeaderRules {
  const byteOf = (name: string, otherwise: string): number =>
    Buffer.from(String(option(name) ?? otherwise), 'latin1')[0] ?? 0
  const quote = byteOf('quote', '"')
  return { delimiter: byteOf('delimiter', ','), quote, escape: byteOf('escape', String.fromCharCode(quote)) }
}
