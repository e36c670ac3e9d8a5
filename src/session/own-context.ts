import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { errorResponse, readErrorFields } from '../protocol/messages.ts'

/*
 * The CONTEXT of an error has an entry for whatever was under way, the innermost first. Those of the extension's own
 * functions say nothing to the client: they are taken out. The words of an entry are in the server's language; what it
 * is shows in its names. Lines are latin1, whatever their encoding.
 */

/*
 * Entries of PL/pgSQL functions of the extension: `PL/pgSQL function azure_storage.blob_list(text,text,text) line 8 at …`.
 * Anybody can write what looks like one, of any length: each pattern matches in one way alone, in lines that are short.
 */
const MAX_FUNCTION_LINE = 1024
const TYPE = String.raw`(?:azure_storage\.|azure_storage_private\.)?[a-z_]+(?:\[\])?`
const TYPES = String.raw`\((?:${TYPE}(?:,${TYPE})*)?\)`
const PRIVATE_FUNCTION = new RegExp(String.raw`PL/pgSQL[^"]*?azure_storage_private\.[a-z_]+${TYPES}`)
const ARGUMENT = String.raw`(?:text|jsonb|regrole|anyelement|azure_storage\.auth_type|azure_storage\.storage_type)`
const FUNCTION = String.raw`\b(?:blob_get|blob_list|blob_put|account_[a-z_]+)\((?:${ARGUMENT}(?:,${ARGUMENT})*)?\)`
const PUBLIC_FUNCTION = new RegExp(
  String.raw`PL/pgSQL[^"]*?(?:azure_storage\.${FUNCTION}|\bblobgres\.(?:inject|clear|faults)\([a-z,]*\))`,
)
/** As it is where search_path has the schema; but it may be somebody else's. */
const UNQUALIFIED_FUNCTION = new RegExp(`PL/pgSQL[^".]*?${FUNCTION}`)

/** A connection to the proxy, and the cursor on it, are named so. */
const CONNECTION = /azure_storage_[0-9a-f]{16}/
/** Where in a blob a value was; see blob-get-errors.sql. */
const [PLACE, PLACE_END] = ['/* azure_storage.blob_get: ', ' */']
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
  /** The outermost first. */
  const kept: string[] = []
  let isInOwn = false
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] as string
    if (isOwnFunction(lines, i)) {
      isInOwn = true
      continue
    }
    const first = isInOwn && !isFunction(line) ? startOfStatement(lines, i) : i
    const entry = lines.slice(first, i + 1).join('\n')
    if (isInOwn && STATEMENT.test(entry) && !isFunction(line)) {
      const place = placeIn(entry)
      if (place !== undefined) kept.push(`blob ${place}`)
      i = first
    } else if (!CONNECTION.test(line)) kept.push(line)
    isInOwn = false
  }
  return kept.reverse().join('\n')
}

function placeIn(entry: string): string | undefined {
  const start = entry.indexOf(PLACE)
  const end = entry.indexOf(PLACE_END, start + PLACE.length)
  return start < 0 || end < 0 ? undefined : entry.slice(start + PLACE.length, end)
}

/** An entry that names a function of PL/pgSQL and has no quotes: not a statement's, nor that of an assignment. */
function isFunction(line: string): boolean {
  const language = line.indexOf('PL/pgSQL')
  return language >= 0 && line.includes('(', language) && !line.includes('"')
}

function isOwnFunction(lines: readonly string[], index: number): boolean {
  const line = lines[index] as string
  if (line.length > MAX_FUNCTION_LINE) return false
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
