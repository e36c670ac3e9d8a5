import type { Grant } from '../credentials/access.ts'
import { type ParquetSettings, type ResolvedFormat, resolveFormat } from '../formats/format.ts'
import type { Shape } from '../formats/parquet/shape.ts'
import type { CallOrigin } from './calls.ts'

/** Which account, with which credential; without `grant`: anonymously. */
export interface Target {
  readonly call: CallOrigin
  /** Of the session that calls; see databaseName(). */
  readonly databaseName: string
  readonly account: string
  readonly container: string
  readonly grant: Grant | undefined
}

export interface Column {
  readonly name: string | undefined
  readonly oid: number
  readonly typmod: number
  readonly isDomain: boolean
  /** Told where the coder is Parquet. */
  readonly shape: Shape | undefined
}

/** A blob as rows: how it is encoded, and what the rows are. */
export interface RowsOfBlob extends Target {
  readonly path: string
  readonly coder: string
  readonly compression: string
  readonly options: unknown
  /** See readFileSettings: told where the path may be a pattern. */
  readonly files?: unknown
  readonly extra?: ParquetSettings
  /** Of a COPY, which can have others than functions. */
  readonly resolved?: ResolvedFormat
  readonly columns: readonly Column[]
  /** The database's encoding, which is that of all texts in the exchange. */
  readonly encoding: string
  /** The client's: a blob is in that one, as with COPY, unless an option says otherwise. */
  readonly clientEncoding: string
  /** A first column tells the line where each row begins. */
  readonly withLine: boolean
}

/** @throws PgError for one that cannot be */
export const formatOf = ({
  resolved,
  path,
  coder,
  compression,
}: Pick<RowsOfBlob, 'resolved' | 'path' | 'coder' | 'compression'>): ResolvedFormat =>
  resolved ?? resolveFormat(path, coder, compression)
