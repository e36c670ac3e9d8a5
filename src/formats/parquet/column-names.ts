import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { invalid } from './file-bytes.ts'
import { columnNamesOf } from './parquet-schema.ts'
import { FOOTER, TAIL_BYTES, tailLength } from './source-file.ts'
import { readFirstFields, ThriftError } from './thrift.ts'

/** Of a footer: the schema stands near its begin. */
const MAX_SCHEMA_BYTES = 1024 * 1024

/** Some of the file's bytes. */
export type ReadRange = (offset: number, length: number) => Promise<Buffer>

/** The names of the file's columns. @throws PgError */
export async function readParquetColumnNames(size: number, read: ReadRange): Promise<string[]> {
  if (size < 2 * TAIL_BYTES - 4) throw invalid('It is too small.')
  const length = tailLength(await read(size - TAIL_BYTES, TAIL_BYTES), size)
  const footer = await read(size - TAIL_BYTES - length, Math.min(length, MAX_SCHEMA_BYTES))
  try {
    const schema = readFirstFields(footer).get(FOOTER.schema)
    if (schema === undefined && length > MAX_SCHEMA_BYTES) throw tooLarge()
    return columnNamesOf(schema)
  } catch (error) {
    if (error instanceof ThriftError) throw invalid(`Its metadata cannot be read: ${error.message}.`)
    throw error
  }
}

const tooLarge = (): PgError =>
  new PgError({
    message: "azure_storage: the Parquet file's schema is too large",
    code: SQLSTATE.programLimitExceeded,
  })
