/** The five ways to a blob. */
export const OPERATIONS = ['COPY FROM', 'COPY TO', 'blob_get', 'blob_put', 'blob_list'] as const
export type Operation = (typeof OPERATIONS)[number]

/** What an operation is about; the table has the columns given, and is the source of what is written. */
export interface OperationTarget {
  readonly account: string
  readonly container: string
  readonly path: string
  readonly table: string
  /** As in a column definition list. */
  readonly columns: string
}

export function statementOf(
  operation: Operation,
  { account, container, path, table, columns }: OperationTarget,
): string {
  const names = `'${account}', '${container}'`
  const url = `https://${account}.blob.core.windows.net/${container}/${path}`
  switch (operation) {
    case 'COPY FROM':
      return `COPY ${table} FROM '${url}'`
    case 'COPY TO':
      return `COPY ${table} TO '${url}'`
    case 'blob_get':
      return `SELECT * FROM azure_storage.blob_get(${names}, '${path}') AS got (${columns})`
    case 'blob_put':
      return `SELECT azure_storage.blob_put(${names}, '${path}', written) FROM ${table} AS written`
    case 'blob_list':
      return `SELECT * FROM azure_storage.blob_list(${names})`
    default:
      return operation satisfies never
  }
}
