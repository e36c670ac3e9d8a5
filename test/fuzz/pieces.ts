/**
 * A part of a script. What goes to the server directly may differ from what goes through the proxy where a statement of
 * ours is in it: there it is a plain statement of the same shape.
 */
export interface Piece {
  /** For who reads a report. */
  readonly label: string
  readonly proxied: Buffer
  readonly direct: Buffer
  readonly aliases: readonly Alias[]
}

export const same = (label: string, bytes: Buffer): Piece => ({ label, proxied: bytes, direct: bytes, aliases: [] })

/** Data for a COPY FROM STDIN. `inside`: the rows come from a blob, so only the direct session is sent them. */
export interface Feed {
  readonly inside: boolean
  readonly bytes: Buffer
}

/** A query text in its two forms, equally long, so that positions in errors are equal. */
export interface Sql {
  readonly proxied: string
  readonly direct: string
  readonly feeds: readonly Feed[]
  /** What `proxied` has in the place of what in `direct`. */
  readonly aliases: readonly Alias[]
}

export type Alias = readonly [proxied: string, direct: string]

export const plain = (text: string): Sql => ({ proxied: text, direct: text, feeds: [], aliases: [] })

export function joined(statements: readonly Sql[]): Sql {
  return {
    proxied: statements.map(({ proxied }) => proxied).join('; '),
    direct: statements.map(({ direct }) => direct).join('; '),
    feeds: statements.flatMap(({ feeds }) => feeds),
    aliases: statements.flatMap(({ aliases }) => aliases),
  }
}
