import { BACKEND, HEADER_LENGTH } from '../protocol/codes.ts'
import { errorResponse, readErrorFields } from '../protocol/messages.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** No file of that name, no right to files, no absolute path. */
const FILE_ERRORS: readonly string[] = [SQLSTATE.undefinedFile, SQLSTATE.insufficientPrivilege, SQLSTATE.invalidName]
const COPY_WITH_URL = /\bcopy\b.*https?:\/\//is
const URL_AS_FILE = /"https?:\/\//i
const HINT = Buffer.from(
  'In a function that was not made through Blobgres, PostgreSQL takes the URL for a file: CREATE OR REPLACE it through Blobgres. Its body must contain the word COPY.',
)

/**
 * Messages of the backend, the first of which begins there: where a COPY in the body of a function has taken a blob's
 * URL for a file, with a hint in the place of PostgreSQL's, which speaks of files.
 */
export function hintFileErrors(messages: Buffer): Buffer {
  const parts: Buffer[] = []
  let done = 0
  for (let at = 0; at + HEADER_LENGTH <= messages.length; ) {
    const end = at + 1 + messages.readInt32BE(at + 1)
    if (end > messages.length) break
    if (messages[at] === BACKEND.errorResponse) {
      const hinted = hintFileError(messages.subarray(at + HEADER_LENGTH, end))
      if (hinted !== undefined) {
        parts.push(messages.subarray(done, at), hinted)
        done = end
      }
    }
    at = end
  }
  return done === 0 ? messages : Buffer.concat([...parts, messages.subarray(done)])
}

function hintFileError(body: Buffer): Buffer | undefined {
  const fields = readErrorFields(body)
  const context = fields.get('W')?.toString('latin1') ?? ''
  const isOurs =
    FILE_ERRORS.includes(fields.get('C')?.toString() ?? '') &&
    context !== '' &&
    (URL_AS_FILE.test(fields.get('M')?.toString('latin1') ?? '') || COPY_WITH_URL.test(context))
  return isOurs ? errorResponse(fields.set('H', HINT)) : undefined
}
