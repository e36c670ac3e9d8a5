import { isUtf8 } from 'node:buffer'
import { wholeLength } from '../formats/rows/valid-text.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** By PostgreSQL's name. Of the others, a file tells nothing: they are what Windows and Unix have written most. */
export type Encoding = 'UTF8' | 'WIN1252' | 'LATIN1'

/** C1 controls in LATIN1, which nobody writes, and letters and signs in WIN1252 but for five. */
const WIN1252_ONLY = /[\x80-\x9f]/
const NOT_WIN1252 = /[\x81\x8d\x8f\x90\x9d]/

/** What a file's bytes are text in: UTF-8 if they can be, else a guess. @throws PgError where PostgreSQL takes them for no text */
export function encodingOf(bytes: Buffer, isWhole: boolean): Encoding {
  const mark = bytes.subarray(0, 2).toString('hex')
  if (mark === 'fffe' || mark === 'feff') throw notText('It is in UTF-16, which no server of PostgreSQL reads.')
  if (bytes.includes(0)) throw notText(`It has a NUL byte, at offset ${bytes.indexOf(0)}.`)
  return isUtf8(isWhole ? bytes : bytes.subarray(0, wholeLength(bytes, 'UTF8'))) ? 'UTF8' : singleByte(bytes)
}

export function singleByte(bytes: Buffer): Encoding {
  const text = bytes.toString('latin1')
  return WIN1252_ONLY.test(text) && !NOT_WIN1252.test(text) ? 'WIN1252' : 'LATIN1'
}

/** The scanner asks nothing of bytes that are not UTF-8. @throws PgError */
export function checkWin1252(bytes: Buffer, encoding: Encoding): void {
  if (encoding !== 'WIN1252' || !NOT_WIN1252.test(bytes.toString('latin1'))) return
  throw new PgError({ message: 'no text in WIN1252', code: SQLSTATE.characterNotInRepertoire })
}

export function textReader(encoding: Encoding): (bytes: Buffer) => string {
  if (encoding === 'UTF8') return bytes => bytes.toString('utf8')
  if (encoding === 'LATIN1') return bytes => bytes.toString('latin1')
  const decoder = new TextDecoder('windows-1252')
  return bytes => decoder.decode(bytes)
}

export const isAscii = (bytes: Buffer): boolean => !/[\x80-\xff]/.test(bytes.toString('latin1'))

const notText = (detail: string): PgError =>
  new PgError({
    message: 'the file is no text that PostgreSQL can load',
    code: SQLSTATE.characterNotInRepertoire,
    detail,
    hint: 'Convert it, for instance with iconv -f UTF-16 -t UTF-8.',
  })
