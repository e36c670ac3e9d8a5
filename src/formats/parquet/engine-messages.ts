/** What the proxy asks of an engine process; each request is answered before the next is sent. */
export type EngineRequest =
  /** Opens two files, the one to read and the other to write, for the requests up to `close`. */
  | { readonly kind: 'open'; readonly source: string; readonly target: string }
  /** Which columns the file to read has; only its footer has to be there. */
  | { readonly kind: 'describe' }
  /** A part of the file to read is there: statements find the rows of it alone. */
  | { readonly kind: 'part'; readonly part: number }
  /** Runs a statement; its rows are answered, so they must be few. */
  | { readonly kind: 'run'; readonly sql: string }
  | { readonly kind: 'close' }

export type EngineAnswer =
  /** How statements are to call the files. */
  | { readonly kind: 'opened'; readonly source: string; readonly target: string }
  | ({ readonly kind: 'columns' } & FileContents)
  | { readonly kind: 'ready' }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly unknown[])[] }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly message: string }
  /** What the client is to be told. */
  | { readonly kind: 'refused'; readonly message: string; readonly code: string; readonly detail: string | undefined }

/** All columns of a query; the first of them where there are more than PostgreSQL knows. */
export interface EngineColumns {
  readonly count: number
  readonly columns: readonly EngineColumn[]
}

export interface FileContents extends EngineColumns {
  /** For each part of the file, where the bytes end that it needs; they begin where those of the one before end. */
  readonly ends: readonly number[]
}

export interface EngineColumn {
  readonly name: string
  readonly type: EngineType
}

/** DuckDB's name of a type, shortened, or ours of one that it has no name for; and what a nested one is made of. */
export type EngineType =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'list'; readonly name: string; readonly element: EngineType }
  | { readonly kind: 'struct'; readonly name: string; readonly fields: readonly EngineColumn[] }
  | { readonly kind: 'map'; readonly name: string; readonly key: EngineType; readonly value: EngineType }
