import type { FileJoiner } from '../formats/file-joiner.ts'
import { JoinedBinary } from '../formats/joined-binary.ts'
import { JoinedLines } from '../formats/joined-lines.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import { isUnsafeLead } from '../sql/query-text.ts'

/** The first version for which `\.` in a csv file is data, and in a text file must be alone on its line. */
const STRICT_END_MARKER = 18

const byteOf = (char: string): number => char.charCodeAt(0)

/** Makes one of the files that a COPY FROM reads, in the form in which it gets them. */
export function joinerOf({ format: { format }, files }: CopyStatement, serverMajorVersion: number): FileJoiner {
  if (format === 'binary') return new JoinedBinary()
  const isCsv = format === 'csv'
  const lines = isCsv || format === 'tsv' ? files?.lines : undefined
  return new JoinedLines({
    format: isCsv ? 'csv' : 'text',
    quote: byteOf(lines?.quote ?? '"'),
    escape: byteOf(lines?.escape ?? '"'),
    header: lines?.header === true,
    strictEndMarker: serverMajorVersion >= STRICT_END_MARKER,
    isLead: isUnsafeLead(lines?.encoding ?? 'UTF8'),
  })
}
