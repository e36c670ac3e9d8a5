import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** PostgreSQL's names of encodings, the Encoding Standard's label where it has one, and what else they are called. */
const ENCODINGS: readonly [name: string, label: string | undefined, ...aliases: string[]][] = [
  ['SQL_ASCII', undefined],
  ['UTF8', 'utf-8', 'unicode'],
  ['LATIN1', 'latin1', 'iso88591'],
  ['LATIN2', 'iso-8859-2', 'iso88592'],
  ['LATIN3', 'iso-8859-3', 'iso88593'],
  ['LATIN4', 'iso-8859-4', 'iso88594'],
  ['LATIN5', 'iso-8859-9', 'iso88599'],
  ['LATIN6', 'iso-8859-10', 'iso885910'],
  ['LATIN7', 'iso-8859-13', 'iso885913'],
  ['LATIN8', 'iso-8859-14', 'iso885914'],
  ['LATIN9', 'iso-8859-15', 'iso885915'],
  ['LATIN10', 'iso-8859-16', 'iso885916'],
  ['ISO_8859_5', 'iso-8859-5'],
  ['ISO_8859_6', 'iso-8859-6'],
  ['ISO_8859_7', 'iso-8859-7'],
  ['ISO_8859_8', 'iso-8859-8'],
  ['KOI8R', 'koi8-r', 'koi8'],
  ['KOI8U', 'koi8-u'],
  ['WIN866', 'ibm866', 'alt', 'windows866'],
  ['WIN874', 'windows-874', 'windows874'],
  ['WIN1250', 'windows-1250', 'windows1250'],
  ['WIN1251', 'windows-1251', 'windows1251', 'win'],
  ['WIN1252', 'windows-1252', 'windows1252'],
  ['WIN1253', 'windows-1253', 'windows1253'],
  ['WIN1254', 'windows-1254', 'windows1254'],
  ['WIN1255', 'windows-1255', 'windows1255'],
  ['WIN1256', 'windows-1256', 'windows1256'],
  ['WIN1257', 'windows-1257', 'windows1257'],
  ['WIN1258', 'windows-1258', 'windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'],
  ['EUC_CN', 'gbk'],
  ['EUC_JP', 'euc-jp'],
  ['EUC_KR', 'euc-kr'],
  ['SJIS', 'shift_jis', 'shiftjis', 'mskanji', 'win932', 'windows932'],
  ['BIG5', 'big5', 'win950', 'windows950'],
  ['GBK', 'gbk', 'win936', 'windows936'],
  ['UHC', 'euc-kr', 'win949', 'windows949'],
  ['GB18030', 'gb18030'],
  ['EUC_JIS_2004', undefined],
  ['EUC_TW', undefined],
  ['JOHAB', undefined],
  ['MULE_INTERNAL', undefined],
  ['SHIFT_JIS_2004', undefined, 'shiftjis2004'],
]
const UTF8 = 'UTF8'
const LATIN1 = 'LATIN1'
/** Bytes of any encoding: PostgreSQL converts them neither from nor to another. */
const SQL_ASCII = 'SQL_ASCII'
const MULTI_BYTE = new Set(['gbk', 'euc-jp', 'euc-kr', 'shift_jis', 'big5', 'gb18030'])
const MAX_ONE_BYTE = 0xff

const BY_NAME = new Map(
  ENCODINGS.flatMap(([name, label, ...aliases]) =>
    [plainName(name), ...aliases].map(each => [each, { name, label }] as const),
  ),
)

/** Between two encodings, in whole or partial characters. */
export interface Transcoder {
  convert(bytes: Buffer): Buffer
  /** After the last bytes. */
  end(): void
}

/** PostgreSQL's own spelling of an encoding's name; it is as tolerant as PostgreSQL is. */
export function encodingName(name: string): string {
  const known = BY_NAME.get(plainName(name))
  if (known) return known.name
  throw new PgError({
    message: 'argument to option "content_encoding" must be a valid encoding name',
    code: SQLSTATE.invalidParameterValue,
  })
}

/** Both are PostgreSQL's names. Undefined: bytes stay as they are. @throws PgError */
export function createTranscoder(from: string, to: string): Transcoder | undefined {
  if (from === to || from === SQL_ASCII || to === SQL_ASCII) return undefined
  if (labelOf(from) === undefined || labelOf(to) === undefined) throw noConversion(from, to)
  const decode = decoder(from)
  const encode = encoder(to)
  return {
    convert: bytes => encode(decode(bytes, { stream: true })),
    end: () => {
      decode(undefined, { stream: false })
    },
  }
}

/** A short text in an encoding by PostgreSQL's name. */
export function encodeText(text: string, encoding: string): Buffer {
  const bytes = Buffer.from(text)
  return (bytes.length > text.length && createTranscoder(UTF8, encoding)?.convert(bytes)) || bytes
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

const labelOf = (name: string): string | undefined => BY_NAME.get(plainName(name))?.label

function decoder(name: string): (bytes: Buffer | undefined, options: { stream: boolean }) => string {
  // The Encoding Standard takes latin1 for another name of windows-1252.
  if (name === LATIN1) return bytes => bytes?.toString('latin1') ?? ''
  const textDecoder = new TextDecoder(labelOf(name), { fatal: true, ignoreBOM: true })
  return (bytes, options) => {
    try {
      return textDecoder.decode(bytes, options)
    } catch {
      throw new PgError({
        message: `invalid byte sequence for encoding "${name}"`,
        code: SQLSTATE.characterNotInRepertoire,
      })
    }
  }
}

function encoder(name: string): (text: string) => Buffer {
  if (name === UTF8) return text => Buffer.from(text)
  const codes = reverseTable(name)
  return text => {
    const bytes = Buffer.allocUnsafe(2 * text.length)
    let length = 0
    for (const char of text) {
      const code = char < '\x80' ? char.charCodeAt(0) : codes.get(char)
      if (code === undefined) throw untranslatable(char, name)
      if (code > MAX_ONE_BYTE) bytes[length++] = code >> 8
      bytes[length++] = code
    }
    return bytes.subarray(0, length)
  }
}

/** Node only decodes: so every sequence of one and two bytes is, to see which character it is. */
function reverseTable(name: string): Map<string, number> {
  const codes = new Map<string, number>()
  const label = labelOf(name) as string
  const textDecoder = new TextDecoder(label)
  const add = (code: number, ...bytes: number[]): void => {
    // Not in one call: then Node 20 takes windows-1252 for latin1.
    const text = textDecoder.decode(Uint8Array.from(bytes), { stream: true }) + textDecoder.decode()
    const char = name === LATIN1 ? String.fromCharCode(code) : text
    if (!char.includes('\ufffd') && [...char].length === 1 && !codes.has(char)) codes.set(char, code)
  }
  for (let byte = 0x80; byte <= 0xff; byte++) add(byte, byte)
  if (!MULTI_BYTE.has(label)) return codes
  for (let lead = 0x81; lead < 0xff; lead++) {
    for (let trail = 0x40; trail < 0xff; trail++) add((lead << 8) | trail, lead, trail)
  }
  return codes
}

function noConversion(from: string, to: string): PgError {
  return new PgError({
    message: `default conversion function for encoding "${from}" to "${to}" does not exist`,
    code: SQLSTATE.undefinedFunction,
  })
}

function untranslatable(char: string, name: string): PgError {
  const bytes = Array.from(Buffer.from(char), byte => `0x${byte.toString(16)}`).join(' ')
  return new PgError({
    message: `character with byte sequence ${bytes} in encoding "UTF8" has no equivalent in encoding "${name}"`,
    code: SQLSTATE.untranslatableCharacter,
  })
}
