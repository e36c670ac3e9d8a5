/** What the values of a column are made of, by PostgreSQL's types. */
export type Shape =
  /**
   * `type` is pg_type.typname of the base type (domains resolved), 'enum' for any enum; precision and scale only of
   * numeric(p,s).
   */
  | { readonly kind: 'scalar'; readonly type: string; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'array'; readonly element: Shape }
  | { readonly kind: 'composite'; readonly fields: readonly ParquetColumn[] }

export interface ParquetColumn {
  readonly name: string
  readonly shape: Shape
}
