import { BACKEND, FRONTEND, HEADER_LENGTH } from './codes.ts'
import { PgError, type PgErrorFields } from './pg-error.ts'

/** Messages the proxy makes itself. Strings are latin1: one char a byte, whatever the session's encoding (ASCII for our own). */

function message(code: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4)
  const header = Buffer.allocUnsafe(HEADER_LENGTH)
  header[0] = code
  header.writeInt32BE(length, 1)
  return Buffer.concat([header, ...parts])
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1')

export const query = (text: string): Buffer => message(FRONTEND.query, cstring(text))

/** A Parse message; `tail` is what follows the query text in the client's own (parameter types). */
export const parse = (name: Buffer, text: string, tail: Buffer): Buffer =>
  message(FRONTEND.parse, name, Buffer.from([0]), cstring(text), tail)

export const commandComplete = (tag: string): Buffer => message(BACKEND.commandComplete, cstring(tag))

/** A DataRow of one value, undefined for NULL. */
export function dataRow(value: Buffer | undefined): Buffer {
  const head = Buffer.alloc(6)
  head.writeInt16BE(1)
  head.writeInt32BE(value?.length ?? -1, 2)
  return message(BACKEND.dataRow, head, value ?? Buffer.alloc(0))
}

export const portalSuspended = (): Buffer => message(BACKEND.portalSuspended)
export const parseComplete = (): Buffer => message(BACKEND.parseComplete)
export const bindComplete = (): Buffer => message(BACKEND.bindComplete)
export const closeComplete = (): Buffer => message(BACKEND.closeComplete)
export const noData = (): Buffer => message(BACKEND.noData)
export const emptyQueryResponse = (): Buffer => message(BACKEND.emptyQueryResponse)
/** A ParameterDescription. */
export const noParameters = (): Buffer => message(BACKEND.parameterDescription, Buffer.alloc(2))

export const parameterStatus = (name: string, value: string): Buffer =>
  message(BACKEND.parameterStatus, cstring(name), cstring(value))

export function copyDataHeader(payloadLength: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_LENGTH)
  header[0] = FRONTEND.copyData
  header.writeInt32BE(payloadLength + 4, 1)
  return header
}

/** Fields of ErrorResponse and NoticeResponse by their type byte (protocol-error-fields.html), values as raw bytes. */
export type ErrorFields = Map<string, Buffer>

/** Tolerates missing fields and any bytes in them. */
export function readErrorFields(body: Buffer): ErrorFields {
  const fields: ErrorFields = new Map()
  let offset = 0
  while (offset < body.length && body[offset] !== 0) {
    const end = body.indexOf(0, offset + 1)
    if (end < 0) break
    fields.set(String.fromCharCode(body[offset] as number), body.subarray(offset + 1, end))
    offset = end + 1
  }
  return fields
}

export function errorResponse(fields: ErrorFields, code: number = BACKEND.errorResponse): Buffer {
  const parts: Buffer[] = []
  for (const [type, value] of fields) parts.push(Buffer.from(type, 'latin1'), value, Buffer.from([0]))
  return message(code, ...parts, Buffer.from([0]))
}

export function errorFields(error: Omit<PgError, 'name'>, severity: 'ERROR' | 'FATAL' = 'ERROR'): ErrorFields {
  const text = (value: string): Buffer => Buffer.from(value.replaceAll('\0', ''), 'utf8')
  const fields: ErrorFields = new Map([
    ['S', text(severity)],
    ['V', text(severity)],
    ['C', text(error.code)],
    ['M', text(error.message)],
  ])
  if (error.detail !== undefined) fields.set('D', text(error.detail))
  if (error.hint !== undefined) fields.set('H', text(error.hint))
  if (error.context !== undefined) fields.set('W', text(error.context))
  return fields
}

/** A NoticeResponse. */
export function notice(text: string): Buffer {
  const fields = { S: 'NOTICE', V: 'NOTICE', C: '00000', M: text }
  return errorResponse(
    new Map(Object.entries(fields).map(([type, value]) => [type, Buffer.from(value)])),
    BACKEND.noticeResponse,
  )
}

/** An ErrorResponse that is the last message of its connection. */
export const fatalError = (fields: PgErrorFields): Buffer => errorResponse(errorFields(new PgError(fields), 'FATAL'))

/** An authentication request (AuthenticationOk, AuthenticationSASL, …) by its code. */
export function authentication(code: number, data: string): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32BE(code)
  return message(BACKEND.authentication, body, Buffer.from(data, 'utf8'))
}

export const readyForQuery = (status: number): Buffer => message(BACKEND.readyForQuery, Buffer.from([status]))
