import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { errorResponse, readErrorFields } from '../protocol/messages.ts'

/*
 * The CONTEXT of an error has an entry for whatever was under way, the innermost first. Those of the extension's own
 * functions say nothing to the client: they are taken out. The words of an entry are in the server's language; what it
 * is shows in its names. Lines are latin1, whatever their encoding.
 */

/** Entries of PL/pgSQL functions of the extension: `PL/pgSQL function azure_storage.blob_list(text,text,text) line 8 at …`. */
const TYPES = String.raw`\((?:(?:azure_storage\.|azure_storage_private\.)?[a-z_]+(?:\[\])?,?)*\)`
const PRIVATE_FUNCTION = new RegExp(String.raw`PL/pgSQL[^"]*?azure_storage_private\.[a-z_]+${TYPES}`)
const ARGUMENT = String.raw`(?:text|jsonb|regrole|anyelement|azure_storage\.auth_type|azure_storage\.storage_type)`
const FUNCTION = String.raw`(?:blob_get|blob_list|blob_put|account_[a-z_]+)\((?:${ARGUMENT},?)*\)`
const PUBLIC_FUNCTION = new RegExp(String.raw`PL/pgSQL[^"]*?azure_storage\.${FUNCTION}`)
/** As it is where search_path has the schema; but it may be somebody else's. */
const UNQUALIFIED_FUNCTION = new RegExp(`PL/pgSQL[^".]*?${FUNCTION}`)

/** A connection to the proxy, and the cursor on it, are named so. */
const CONNECTION = /azure_storage_[0-9a-f]{16}/
/** Where in a blob a value was; see blob-get-errors.sql. */
const PLACE = /\/\* azure_storage\.blob_get: ([\s\S]*?) \*\//
/** An entry with a statement or expression; what is behind its first line never has the word. */
const STATEMENT = /SQL/
const OWN_QUERY = /azure_storage_private\.|azure_storage_[0-9a-f]{16}|\/\* azure_storage\.blob_get: /

/** An ErrorResponse or NoticeResponse with the client's own CONTEXT alone. */
export function withoutOwnContext(frame: Frame): Buffer {
  if (!frame.bytes.includes('azure_storage')) return frame.bytes
  const fields = readErrorFields(frameBody(frame))
  const [context, query] = [fields.get('W'), fields.get('q')]
  if (query && OWN_QUERY.test(query.toString('latin1'))) for (const internal of ['p', 'q']) fields.delete(internal)
  if (context) {
    const rest = clientContext(context.toString('latin1'))
    if (rest === '') fields.delete('W')
    else fields.set('W', Buffer.from(rest, 'latin1'))
  }
  return errorResponse(fields, frame.code)
}

/** Of a CONTEXT, the lines that are the client's own, and where in a blob it was. */
export function clientContext(context: string): string {
  const lines = context.split('\n')
  const kept: string[] = []
  let isInOwn = false
  // From the outermost entry to the innermost, each line put before those that are kept.
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] as string
    if (isOwnFunction(lines, i)) {
      isInOwn = true
      continue
    }
    const first = isInOwn && !isFunction(line) ? startOfStatement(lines, i) : i
    const entry = lines.slice(first, i + 1).join('\n')
    const place = PLACE.exec(entry)?.[1]
    if (isInOwn && STATEMENT.test(entry) && !isFunction(line)) {
      if (place !== undefined) kept.unshift(`blob ${place}`)
      i = first
    } else if (!CONNECTION.test(line)) kept.unshift(line)
    isInOwn = false
  }
  return kept.join('\n')
}

/** An entry that names a function of PL/pgSQL and has no quotes: not a statement's, nor that of an assignment. */
const isFunction = (line: string): boolean => /PL\/pgSQL[^"]*\(/.test(line) && !line.includes('"')

function isOwnFunction(lines: readonly string[], index: number): boolean {
  const line = lines[index] as string
  if (PRIVATE_FUNCTION.test(line) || PUBLIC_FUNCTION.test(line)) return true
  const inner = lines[index - 1] ?? ''
  return UNQUALIFIED_FUNCTION.test(line) && OWN_QUERY.test(inner)
}

/** The statement that ends at a line begins where its entry does. */
function startOfStatement(lines: readonly string[], last: number): number {
  for (let i = last; i >= 0; i--) {
    const line = lines[i] as string
    if (STATEMENT.test(line)) return isFunction(line) ? last : i
  }
  return last
}
