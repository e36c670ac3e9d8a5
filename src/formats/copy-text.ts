import { Transform } from 'node:stream'

/*
 * A whole file as one value of one column, in COPY's text format.
 * Columns have no delimiter then, and a backslash escapes what would end the line.
 */

const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const RETURN = 0x0d
const NULL_LETTER = 0x4e
const SPACE = 0x20

/** What COPY may write as a backslash and a letter; any other byte after a backslash stands for itself. */
const LETTERS: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' }
const UNESCAPES = new Uint8Array(256).map((_, byte) => byte)
for (const [char, letter] of Object.entries(LETTERS)) UNESCAPES[letter.charCodeAt(0)] = char.charCodeAt(0)

/** What has to be escaped: byte → the byte after the backslash, 0 where a byte stands for itself. */
const ESCAPES = new Uint8Array(256)
ESCAPES[BACKSLASH] = BACKSLASH
for (const char of '\n\r\t') ESCAPES[char.charCodeAt(0)] = (LETTERS[char] as string).charCodeAt(0)

/** File contents → one row of COPY's text format. An empty file is a NULL. */
export function encodeCopyText(): Transform {
  let empty = true
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      empty &&= chunk.length === 0
      callback(null, escapeBytes(chunk))
    },
    flush(callback) {
      callback(null, empty ? '\\N\n' : '\n')
    },
  })
}

/** The same for JSON a line: what would end the line is space between its parts. */
const UNESCAPES_TO_LINES = UNESCAPES.map(byte => (byte === NEWLINE || byte === RETURN ? SPACE : byte))

/** Rows of one column in COPY's text format → the values one after the other, or with `lines` each JSON value on a line. A NULL adds nothing. */
export function decodeCopyText({ lines = false } = {}): Transform {
  let escaped = false
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const result = unescapeBytes(chunk, escaped, lines)
      escaped = result.escaped
      callback(null, result.bytes)
    },
  })
}

function escapeBytes(input: Buffer): Buffer {
  const output = Buffer.allocUnsafe(input.length * 2)
  let length = 0
  for (let i = 0; i < input.length; i++) {
    const byte = input[i] as number
    const letter = ESCAPES[byte] as number
    if (letter === 0) {
      output[length++] = byte
    } else {
      output[length++] = BACKSLASH
      output[length++] = letter
    }
  }
  return output.subarray(0, length)
}

/** `escaped`: whether the bytes before ended in a backslash, and whether these do. */
function unescapeBytes(input: Buffer, escaped: boolean, lines: boolean): { bytes: Buffer; escaped: boolean } {
  const output = Buffer.allocUnsafe(input.length)
  const unescapes = lines ? UNESCAPES_TO_LINES : UNESCAPES
  let length = 0
  for (let i = 0; i < input.length; i++) {
    const byte = input[i] as number
    if (escaped) {
      escaped = false
      if (byte !== NULL_LETTER) output[length++] = unescapes[byte] as number
    } else if (byte === BACKSLASH) {
      escaped = true
    } else if (lines || byte !== NEWLINE) {
      output[length++] = byte
    }
  }
  return { bytes: output.subarray(0, length), escaped }
}
