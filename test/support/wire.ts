import { BACKEND, FRONTEND } from '../../src/protocol/codes.ts'
import type { Frame } from '../../src/protocol/frame-assembler.ts'
import { readErrorFields } from '../../src/protocol/messages.ts'

/** Messages of a client, for tests that need every byte in their hands. */

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf8')
const int16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value & 0xffff, 2 * i)
  return bytes
}
export const int32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value, 4 * i)
  return bytes
}

export function message(code: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([code]), int32(body.length + 4), body])
}

const PROTOCOL_3_0 = 0x30000

export function startupPacket(parameters: Readonly<Record<string, string>>, version: number = PROTOCOL_3_0): Buffer {
  const words = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)])
  const body = Buffer.concat([int32(version), ...words, Buffer.from([0])])
  return Buffer.concat([int32(body.length + 4), body])
}

/** SSLRequest, GSSENCRequest and CancelRequest: packets with a code in the place of the version. */
export const SSL_REQUEST = int32(8, 80877103)
export const GSSENC_REQUEST = int32(8, 80877104)
export const cancelPacket = (key: Buffer): Buffer => Buffer.concat([int32(8 + key.length, 80877102), key])

export interface BindOptions {
  readonly portal?: string
  readonly statement?: string
  /** Of the values: 0 text, 1 binary. None: all text; one: for all. */
  readonly formats?: readonly number[]
  /** The same, of the result's columns. */
  readonly results?: readonly number[]
}

export const wire = {
  query: (sql: string | Buffer) =>
    message(FRONTEND.query, typeof sql === 'string' ? cstring(sql) : sql, ...(typeof sql === 'string' ? [] : [int0])),
  parse: (sql: string, name = '', types: readonly number[] = []) =>
    message(FRONTEND.parse, cstring(name), cstring(sql), int16(types.length), int32(...types)),
  bind: (
    values: readonly (string | Buffer | null)[] = [],
    { portal = '', statement = '', formats = [], results = [] }: BindOptions = {},
  ) =>
    message(
      FRONTEND.bind,
      cstring(portal),
      cstring(statement),
      int16(formats.length, ...formats, values.length),
      ...values.flatMap(value =>
        value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
      ),
      int16(results.length, ...results),
    ),
  describeStatement: (name = '') => message(FRONTEND.describe, Buffer.from('S'), cstring(name)),
  describePortal: (name = '') => message(FRONTEND.describe, Buffer.from('P'), cstring(name)),
  execute: (portal = '', rows = 0) => message(FRONTEND.execute, cstring(portal), int32(rows)),
  closeStatement: (name = '') => message(FRONTEND.close, Buffer.from('S'), cstring(name)),
  closePortal: (name = '') => message(FRONTEND.close, Buffer.from('P'), cstring(name)),
  sync: message(FRONTEND.sync),
  flush: message(FRONTEND.flush),
  terminate: message(FRONTEND.terminate),
  copyData: (data: string | Buffer) => message(FRONTEND.copyData, Buffer.from(data)),
  copyDone: message(FRONTEND.copyDone),
  copyFail: (reason: string) => message(FRONTEND.copyFail, cstring(reason)),
  /** Text arguments, text result. */
  functionCall: (oid: number, values: readonly string[]) =>
    message(
      FRONTEND.functionCall,
      int32(oid),
      int16(0, values.length),
      ...values.flatMap(value => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
      int16(0),
    ),
}

const int0 = Buffer.from([0])

/** Parse, Bind and Execute of an unnamed statement. */
export const run = (sql: string): Buffer => Buffer.concat([wire.parse(sql), wire.bind(), wire.execute()])

/** A message of the server in a word or two, the same for equal messages but for what differs between two sessions. */
export function show({ code, bytes }: Frame): string {
  const letter = String.fromCharCode(code)
  const body = bytes.subarray(5)
  switch (code) {
    case BACKEND.errorResponse:
    case BACKEND.noticeResponse: {
      const fields = readErrorFields(body)
      const [severity, state, text, position] = ['V', 'C', 'M', 'P'].map(name => fields.get(name)?.toString('latin1'))
      return `${letter} ${severity} ${state} ${text}${position === undefined ? '' : ` at ${position}`}`
    }
    case BACKEND.backendKeyData:
      return `K ${body.length} bytes`
    case BACKEND.rowDescription:
      return `T ${columnNames(body).join(',')}`
    case BACKEND.notificationResponse:
      return `A ${words(body.subarray(4))}`
    case BACKEND.dataRow:
      return `D ${columnValues(body).join(',')}`
    default:
      return body.length === 0 ? letter : `${letter} ${words(body)}`
  }
}

const words = (body: Buffer): string =>
  body.length > 200
    ? `${body.length} bytes`
    : body.toString('latin1').replace(/[^\x20-\x7e]/g, char => (char === '\0' ? '.' : '?'))

function columnValues(body: Buffer): string[] {
  const values: string[] = []
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(offset)
    offset += 4 + Math.max(0, length)
    values.push(length < 0 ? 'NULL' : words(body.subarray(offset - length, offset)))
  }
  return values
}

function columnNames(body: Buffer): string[] {
  const names: string[] = []
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const end = body.indexOf(0, offset)
    // Name, type and format: table OIDs differ between two temporary tables.
    names.push(`${body.toString('utf8', offset, end)}:${body.readInt32BE(end + 7)}/${body.readInt16BE(end + 17)}`)
    offset = end + 19
  }
  return names
}
