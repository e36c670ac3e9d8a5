import type net from 'node:net'
import tls from 'node:tls'
import { STARTUP } from '../protocol/codes.ts'
import { ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { readExactly } from './read-exactly.ts'

/** MAX_STARTUP_PACKET_LENGTH of PostgreSQL's libpq/pqcomm.h, length word included. */
const MAX_STARTUP_LENGTH = 10004
const MIN_STARTUP_LENGTH = 8
const TLS_HANDSHAKE_RECORD = 0x16

export type StartupRequest =
  | {
      readonly kind: 'startup'
      readonly socket: net.Socket
      readonly packet: Buffer
      readonly parameters: ReadonlyMap<string, string>
    }
  | { readonly kind: 'cancel'; readonly socket: net.Socket; readonly packet: Buffer }

/**
 * Reads startup packets, which have no type byte, until the one that starts a session or cancels one; answers encryption
 * requests on the way (protocol-flow.html, "Start-up", "SSL Session Encryption", "Canceling Requests in Progress").
 * @throws ProtocolError where stock PostgreSQL drops the connection with a word, another Error where it does so without.
 */
export async function readStartupRequest(
  socket: net.Socket,
  secureContext: tls.SecureContext | undefined,
  signal: AbortSignal,
): Promise<StartupRequest | undefined> {
  let current = socket
  let sslAnswered = false
  let gssAnswered = false
  const first = await peekByte(current, signal)
  if (first === undefined) return undefined
  if (first === TLS_HANDSHAKE_RECORD) {
    if (!secureContext) throw new Error('direct TLS connection, but TLS is not configured')
    current = await startTls(current, secureContext, signal, true)
    sslAnswered = true
  }
  for (;;) {
    const packet = await readPacket(current, signal)
    if (packet === undefined) return undefined
    const code = packet.readInt32BE(4)
    switch (code) {
      case STARTUP.sslRequest:
        if (sslAnswered)
          throw new ProtocolError('unsupported frontend protocol 1234.5679', SQLSTATE.featureNotSupported)
        sslAnswered = true
        if (!secureContext) current.write('N')
        refuseBufferedBytes(current, 'SSL')
        if (secureContext) {
          current.write('S')
          current = await startTls(current, secureContext, signal, false)
        }
        break
      case STARTUP.gssEncRequest:
        if (gssAnswered)
          throw new ProtocolError('unsupported frontend protocol 1234.5680', SQLSTATE.featureNotSupported)
        gssAnswered = true
        current.write('N')
        refuseBufferedBytes(current, 'GSSAPI encryption')
        break
      case STARTUP.cancelRequest:
        return { kind: 'cancel', socket: current, packet }
      default:
        return { kind: 'startup', socket: current, packet, parameters: readParameters(packet) }
    }
  }
}

/**
 * A startup packet that asks for a replication connection: nothing in it is ours to read. A word for false may be
 * shortened (parse_bool() of PostgreSQL).
 */
export const isReplication = (parameters: ReadonlyMap<string, string>): boolean =>
  !/^(?:|f|fa|fal|fals|false|n|no|of|off|0)$/i.test(parameters.get('replication') ?? '')

/** A startup packet with one parameter more. One that is malformed or full stays as it is: the server is to judge it. */
export function addParameter(packet: Buffer, name: string, value: string): Buffer {
  const words = packet.toString('latin1', 8).split('\0')
  // Pairs, then the terminator: an empty name, and nothing after it.
  const isWellFormed =
    words.length % 2 === 0 && words.findIndex((word, i) => i % 2 === 0 && word === '') === words.length - 2
  const added = Buffer.concat([packet.subarray(0, packet.length - 1), Buffer.from(`${name}\0${value}\0\0`)])
  if (!isWellFormed || added.length > MAX_STARTUP_LENGTH) return packet
  added.writeInt32BE(added.length, 0)
  return added
}

/** A startup packet for another database; it names one. */
export function withDatabase(packet: Buffer, database: string): Buffer {
  const words = packet.toString('latin1', 8).split('\0')
  const at = words.findIndex((word, i) => i % 2 === 0 && word === 'database')
  words[at + 1] = Buffer.from(database).toString('latin1')
  const changed = Buffer.concat([packet.subarray(0, 8), Buffer.from(words.join('\0'), 'latin1')])
  changed.writeInt32BE(changed.length, 0)
  return changed
}

function readParameters(packet: Buffer): Map<string, string> {
  const words = packet.subarray(8).toString('utf8').split('\0')
  const parameters = new Map<string, string>()
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) {
    parameters.set(words[i] as string, words[i + 1] as string)
  }
  return parameters
}

/** Bytes sent along with an encryption request could be a man in the middle's (CVE-2021-23214). */
function refuseBufferedBytes(socket: net.Socket, request: string): void {
  if (socket.readableLength === 0) return
  const detail = 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.'
  throw new ProtocolError(`received unencrypted data after ${request} request`, SQLSTATE.protocolViolation, detail)
}

function startTls(
  socket: net.Socket,
  secureContext: tls.SecureContext,
  signal: AbortSignal,
  direct: boolean,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = new tls.TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['postgresql'] })
    const fail = (error: Error): void => {
      secured.destroy()
      reject(error)
    }
    const abort = (): void => fail(new Error('authentication timeout'))
    signal.addEventListener('abort', abort, { once: true })
    secured.once('error', fail)
    secured.once('close', () => fail(new Error('connection closed during the TLS handshake')))
    secured.once('secure', () => {
      signal.removeEventListener('abort', abort)
      secured.removeAllListeners('close')
      secured.off('error', fail)
      if (direct && secured.alpnProtocol !== 'postgresql') {
        fail(new ProtocolError('received direct SSL connection request without ALPN protocol negotiation extension'))
      } else resolve(secured)
    })
  })
}

async function readPacket(socket: net.Socket, signal: AbortSignal): Promise<Buffer | undefined> {
  const head = await readExactly(socket, 4, signal)
  if (head === undefined) return undefined
  const length = head.readInt32BE(0)
  if (length < MIN_STARTUP_LENGTH || length > MAX_STARTUP_LENGTH) {
    throw new Error(`invalid length of startup packet: ${length}`)
  }
  const rest = await readExactly(socket, length - 4, signal)
  return rest && Buffer.concat([head, rest])
}

async function peekByte(socket: net.Socket, signal: AbortSignal): Promise<number | undefined> {
  const byte = await readExactly(socket, 1, signal)
  if (byte !== undefined) socket.unshift(byte)
  return byte?.[0]
}
