import { findEncoding } from '../../protocol/encodings.ts'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

const UTF8 = 'UTF8'
const LATIN1 = 'LATIN1'
/** Bytes of any encoding: PostgreSQL converts them neither from nor to another. */
const SQL_ASCII = 'SQL_ASCII'
const MULTI_BYTE = new Set(['gbk', 'euc-jp', 'euc-kr', 'shift_jis', 'big5', 'gb18030'])
const MAX_ONE_BYTE = 0xff

/** Between two encodings, in whole or partial characters. */
export interface Transcoder {
  convert(bytes: Buffer): Buffer
  /** After the last bytes. */
  end(): void
}

/** PostgreSQL's own spelling of an encoding's name; it is as tolerant as PostgreSQL is. */
export function encodingName(name: string): string {
  const known = findEncoding(name)
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

const labelOf = (name: string): string | undefined => findEncoding(name)?.label

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
