import { FRONTEND, HEADER_LENGTH } from './codes.ts'
import { type Frame, frameBody } from './frame-assembler.ts'

/** The values of a Bind message, undefined for NULL, and where they stand in its body. */
export interface BindValues {
  /** Of the values, 1 for binary: none, one for all, or one each. */
  readonly formats: readonly number[]
  readonly values: readonly (Buffer | undefined)[]
  readonly start: number
  readonly end: number
}

/** Undefined for a message that is not as it should be: the backend will say so. */
export function readBindValues(frame: Frame): BindValues | undefined {
  const body = frameBody(frame)
  const names = body.indexOf(0, body.indexOf(0) + 1) + 1
  try {
    const formats = Array.from({ length: body.readUInt16BE(names) }, (_, i) => body.readInt16BE(names + 2 + 2 * i))
    const start = names + 2 + 2 * formats.length + 2
    const values: (Buffer | undefined)[] = []
    let end = start
    for (let i = body.readUInt16BE(start - 2); i > 0; i--) {
      const length = body.readInt32BE(end)
      const next = end + 4 + Math.max(0, length)
      if (next > body.length) return undefined
      values.push(length < 0 ? undefined : body.subarray(end + 4, next))
      end = next
    }
    return { formats, values, start, end }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Those that a Parse message has for the parameters of its statement, from its tail behind the text. */
export function readParameterTypes(tail: Buffer): number[] {
  const count = tail.length < 2 ? 0 : Math.min(tail.readUInt16BE(0), (tail.length - 2) >> 2)
  return Array.from({ length: count }, (_, i) => tail.readUInt32BE(2 + 4 * i))
}

/** The message with other values in the place of its own, as many and in the same formats. */
export function withBindValues(frame: Frame, { values, start, end }: Omit<BindValues, 'formats'>): Buffer {
  const body = frameBody(frame)
  const parts = values.flatMap(value => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === undefined ? -1 : value.length)
    return value === undefined ? [length] : [length, value]
  })
  const bytes = Buffer.concat([Buffer.alloc(HEADER_LENGTH), body.subarray(0, start), ...parts, body.subarray(end)])
  bytes[0] = FRONTEND.bind
  bytes.writeInt32BE(bytes.length - 1, 1)
  return bytes
}
