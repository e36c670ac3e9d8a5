import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { type ErrorFields, errorResponse, readErrorFields } from '../protocol/messages.ts'
import { isAscii } from '../sql/encoding.ts'
import { isUnsafeEncoding } from '../sql/query-text.ts'
import type { Rewrite } from '../sql/rewrite.ts'

/**
 * Position in an ErrorResponse: 1-based, in characters of the query text. Turned from the rewritten text's into the
 * original's; left out where the characters of the encoding cannot be counted.
 */
export function mapErrorPosition(fields: ErrorFields, rewrite: Rewrite, original: string, encoding: string): void {
  const position = Number(fields.get('P')?.toString())
  const isCharStart = charStarts(encoding, original)
  if (isCharStart === undefined || !Number.isInteger(position)) {
    fields.delete('P')
    return
  }
  const origin = rewrite.originOf(offsetOfChar(rewrite.text, position - 1, isCharStart))
  let chars = 1
  for (let i = 0; i < origin; i++) if (isCharStart(original.charCodeAt(i))) chars++
  fields.set('P', Buffer.from(String(chars)))
}

/** The same of a whole message. */
export function withMappedPosition(error: Frame, rewrite: Rewrite, original: string, encoding: string): Buffer {
  const fields = readErrorFields(frameBody(error))
  mapErrorPosition(fields, rewrite, original, encoding)
  return errorResponse(fields)
}

function offsetOfChar(text: string, index: number, isCharStart: (byte: number) => boolean): number {
  let chars = -1
  for (let i = 0; i < text.length; i++) {
    if (isCharStart(text.charCodeAt(i)) && ++chars === index) return i
  }
  return text.length
}

function charStarts(encoding: string, text: string): ((byte: number) => boolean) | undefined {
  if (encoding === 'UTF8') return byte => (byte & 0xc0) !== 0x80
  const multibyte = isUnsafeEncoding(encoding) || /^(EUC_|MULE)/.test(encoding)
  return isAscii(text) || !multibyte ? () => true : undefined
}
