import { inferCommand } from '../../src/infer/command.ts'
import type { InferOptions } from '../../src/infer/infer.ts'
import { account, endpoints } from './blobs.ts'
import type { CopyStack } from './copy-stack.ts'

export interface Loaded {
  /** What `blobgres infer` has printed. */
  readonly script: string
  /** `name type` of the table's columns. */
  readonly columns: readonly string[]
  readonly rows: readonly Record<string, unknown>[]
}

const COLUMNS = `
SELECT attname || ' ' || format_type(atttypid, atttypmod) AS "column" FROM pg_attribute
WHERE attrelid = 'loaded'::regclass AND attnum > 0 ORDER BY attnum`

/** Makes a blob of `contents`, infers its table, and runs what is printed. */
export async function loadInferred(
  stack: CopyStack,
  name: string,
  contents: string | Buffer,
  options: InferOptions = {},
): Promise<Loaded> {
  const url = await stack.put(name, contents)
  const script = await inferCommand(url, {
    endpoints: endpoints(),
    secretOf: () => account.key,
    table: 'loaded',
    ...options,
  })
  await stack.client.query(`DROP TABLE IF EXISTS loaded; ${script}`)
  const columns = await stack.client.query(COLUMNS)
  const rows = await stack.client.query('TABLE loaded')
  return { script, columns: columns.rows.map(({ column }) => column), rows: rows.rows }
}
