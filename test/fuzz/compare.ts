import { BACKEND, HEADER_LENGTH } from '../../src/protocol/codes.ts'
import { type Frame, frameBody } from '../../src/protocol/frame-assembler.ts'
import { readErrorFields } from '../../src/protocol/messages.ts'
import { MISSING } from './ours.ts'
import type { Script } from './script.ts'

/** OIDs below it are the same in every database. */
const FIRST_NORMAL_OID = 16384
/** Client COPYs in scripts have one or two columns, those that stand for a blob's have three. */
const SHADOW_COLUMNS = 3

/** The proxy has let a statement of ours pass, because the client has sent a Sync among the rows of a COPY that failed. */
const UNSEEN = /^could not open file "https?:/

export const isUnseen = ({ code, bytes }: Frame): boolean =>
  code === BACKEND.errorResponse &&
  UNSEEN.test(readErrorFields(bytes.subarray(HEADER_LENGTH)).get('M')?.toString() ?? '')

/** At this level a server tells of its caches, which are not alike. */
const isTold = ({ code, bytes }: Frame): boolean =>
  code !== BACKEND.noticeResponse || readErrorFields(bytes.subarray(HEADER_LENGTH)).get('V')?.toString() !== 'DEBUG'

/** What a session answered, in words that are equal where the answers are. */
export interface Answers {
  readonly lines: string[]
  /** Rows of the exports that the server said were complete, oldest first. */
  readonly exports: Buffer[]
}

/** Of a session straight on the server: the COPYs that stand for ours are taken out. */
export function directAnswers(frames: readonly Frame[]): Answers {
  const lines: string[] = []
  const exports: Buffer[] = []
  let rows: Buffer[] | undefined
  for (const frame of frames.filter(isTold)) {
    const columns = isCopyResponse(frame) ? frameBody(frame).readInt16BE(1) : 0
    if (columns === SHADOW_COLUMNS) {
      rows = frame.code === BACKEND.copyOutResponse ? [] : undefined
    } else if (rows && frame.code === BACKEND.copyData) {
      rows.push(frameBody(frame))
    } else if (rows && frame.code === BACKEND.copyDone) {
      // Its CommandComplete passes.
    } else {
      if (rows && frame.code === BACKEND.commandComplete) exports.push(Buffer.concat(rows))
      if (frame.code === BACKEND.commandComplete || frame.code === BACKEND.errorResponse) rows = undefined
      lines.push(line(frame))
    }
  }
  return { lines, exports }
}

/** Of a session through the proxy: texts of ours that it quotes are turned into those that stand for them. */
export function proxiedAnswers(frames: readonly Frame[], script: Script): string[] {
  return frames.filter(isTold).map(frame => {
    let shown = line(frame)
    if (shown.includes('://')) {
      for (const [ours, plain] of script.pieces.flatMap(({ aliases }) => aliases)) shown = shown.replaceAll(ours, plain)
    }
    return shown
  })
}

const isCopyResponse = ({ code }: Frame): boolean => code === BACKEND.copyInResponse || code === BACKEND.copyOutResponse

/** The whole message, but for what differs between two sessions. */
function line(frame: Frame): string {
  const body = frameBody(frame)
  const letter = String.fromCharCode(frame.code)
  switch (frame.code) {
    case BACKEND.errorResponse:
    case BACKEND.noticeResponse:
      return `${letter} ${reportLine(body)}`
    case BACKEND.notificationResponse:
      return `${letter} ${printable(body.subarray(4))}`
    case BACKEND.rowDescription:
      return `${letter} ${columnsLine(body)}`
    default:
      return body.length === 0 ? letter : `${letter} ${printable(body)}`
  }
}

function reportLine(body: Buffer): string {
  const fields = readErrorFields(body)
  const text = (name: string): string => fields.get(name)?.toString('latin1') ?? ''
  // What a blob that is not there, and what the proxy refuses, is told in words of its own.
  if (text('C') === '58P01' && text('M').startsWith('azure_storage: ')) return 'missing blob'
  if (text('C') === '57014' && text('M').endsWith(MISSING)) return 'missing blob'
  if (text('C') === '22023' && text('M').startsWith('azure_storage: ')) return 'refused'
  if (UNSEEN.test(text('M'))) return 'refused'
  if (text('C') === 'P0001' && text('M') === 'refused' && text('R') === 'exec_stmt_raise') return 'refused'
  if (text('C') === '42710' && /^extension "\w+" already exists/.test(text('M'))) return 'extension exists'
  // A relation that may be a view by then is read by a query, which tells more of one, or of a column, that is not there.
  if (text('C') === '42P01') return text('M')
  if (text('C') === '42703') return text('M').replace(' of relation "b"', '')
  // Which message of the statement it was that failed is not told alike.
  if (text('C') === '25P02') return text('M')
  return [...fields]
    .map(([name, value]) => `${name}=${value.toString('latin1')}`)
    .join(' ')
    .replace(/pg_temp_\d+/g, 'pg_temp')
}

function columnsLine(body: Buffer): string {
  const copy = Buffer.from(body)
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const end = body.indexOf(0, offset)
    for (const at of [end + 1, end + 7]) {
      if (copy.readUInt32BE(at) >= FIRST_NORMAL_OID) copy.writeUInt32BE(FIRST_NORMAL_OID, at)
    }
    offset = end + 19
  }
  return printable(copy)
}

const printable = (bytes: Buffer): string =>
  bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, char => (char === '\0' ? '.' : `\\x${char.charCodeAt(0).toString(16)}`))
