import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { errorResponse, readErrorFields } from '../protocol/messages.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { inOrder } from '../sql/scan.ts'

/** No file of that name, no right to files, no absolute path. */
const FILE_ERRORS: readonly string[] = [SQLSTATE.undefinedFile, SQLSTATE.insufficientPrivilege, SQLSTATE.invalidName]
const URL_AS_FILE = /"https?:\/\//i
const HINT = Buffer.from(
  'In a function that was not made through Blobgres, PostgreSQL takes the URL for a file: CREATE OR REPLACE it through Blobgres. Its body must contain the word COPY.',
)

/** An error as it is, but where a COPY in a function has taken a blob's URL for a file: then its hint speaks of that. */
export function hintFileError(report: Frame): Frame {
  if (report.code !== BACKEND.errorResponse || !report.bytes.includes('://')) return report
  const fields = readErrorFields(frameBody(report))
  const context = fields.get('W')?.toString('latin1') ?? ''
  const isOurs =
    FILE_ERRORS.includes(fields.get('C')?.toString() ?? '') &&
    context !== '' &&
    (URL_AS_FILE.test(fields.get('M')?.toString('latin1') ?? '') || inOrder(context, /\bcopy\b/i, /https?:\/\//i))
  return isOurs ? { code: report.code, bytes: errorResponse(fields.set('H', HINT)) } : report
}
