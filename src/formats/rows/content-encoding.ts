import { findEncoding } from '../../protocol/encodings.ts'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** PostgreSQL's own spelling of an encoding's name; it is as tolerant as PostgreSQL is. */
export function encodingName(name: string): string {
  const known = findEncoding(name)
  if (known !== undefined) return known
  throw new PgError({
    message: 'argument to option "content_encoding" must be a valid encoding name',
    code: SQLSTATE.invalidParameterValue,
  })
}
