import type { CopyStatement } from '../sql/copy-statement.ts'

/** What is known of the statement, beside its shape. */
export interface AccelerateOptions {
  /** The query text that it stands in. */
  readonly text: string
  /** The client's. */
  readonly encoding: string
  readonly serverMajorVersion: number
  /** The client asks for the description of its rows by itself. */
  readonly isExtended: boolean
  /** Those of its parameters. */
  readonly values?: readonly ParameterValue[]
  /** Of the rows that the client has asked for, more are to come. */
  readonly isSuspended?: boolean
}

export interface ParameterValue {
  /** Undefined for NULL. */
  readonly value: Buffer | undefined
  readonly isBinary: boolean
  /** Its oid, 0 where the client has not said. */
  readonly type: number
}

export interface AccelerateContext extends AccelerateOptions {
  /** The one value of a query of ours, see lookUp(). */
  readonly ask: (text: string, values: Buffer[]) => Promise<string | undefined>
  /** The key of a lock for a COPY that writes a blob. @throws PgError */
  readonly lock: (copy: CopyStatement) => Promise<bigint>
}
