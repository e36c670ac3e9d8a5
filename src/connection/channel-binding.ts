import type net from 'node:net'
import type { Logger } from '../log.ts'
import { AUTHENTICATION, BACKEND, FRONTEND, HEADER_LENGTH } from '../protocol/codes.ts'
import { authentication } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { readExactly } from './read-exactly.ts'

/**
 * SCRAM with channel binding (SCRAM-SHA-256-PLUS) proves that client and server see the same certificate: a proxy that
 * ends the client's TLS cannot pass it on, and must not offer it. A server that has TLS offers it, and takes a client
 * that says "I would have, but you do not" for the victim of exactly such a change. So what can log in is a client that
 * does not do channel binding at all; any other is told why it cannot.
 */
const PLUS = 'SCRAM-SHA-256-PLUS'
/** PostgreSQL's limits for what is not authenticated yet are below it. */
const MAX_LOGIN_MESSAGE_LENGTH = 65_536

export interface LoginSides {
  readonly client: net.Socket
  readonly backend: net.Socket
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Brings a login past the server's offer of mechanisms. Returns what is to be sent to the backend next; undefined when
 * a side has hung up. @throws PgError for a client whose login cannot succeed
 */
export async function passOfferWithoutBinding(sides: LoginSides, startupPacket: Buffer): Promise<Buffer | undefined> {
  const { client, backend, log, signal } = sides
  backend.write(startupPacket)
  for (;;) {
    const message = await readMessage(backend, signal)
    if (message === undefined) return undefined
    const mechanisms = offeredMechanisms(message)
    if (mechanisms?.includes(PLUS)) {
      const others = mechanisms.filter(each => each !== PLUS)
      client.write(authentication(AUTHENTICATION.sasl, `${others.join('\0')}\0\0`))
      break
    }
    client.write(message)
    if (message[0] === BACKEND.authentication || message[0] === BACKEND.errorResponse) return Buffer.alloc(0)
  }
  const reply = await readMessage(client, signal)
  if (reply === undefined) log.info('the client left when it was offered no channel binding: it may require it')
  else if (wantsBinding(reply)) throw cannotBind()
  return reply
}

/** The mechanisms of an AuthenticationSASL message. */
function offeredMechanisms(message: Buffer): string[] | undefined {
  if (message[0] !== BACKEND.authentication || message.length < HEADER_LENGTH + 4) return undefined
  if (message.readInt32BE(HEADER_LENGTH) !== AUTHENTICATION.sasl) return undefined
  const names = message.toString('latin1', HEADER_LENGTH + 4).split('\0')
  return names.filter(name => name !== '')
}

/** Whether a SASLInitialResponse is of a client that binds, or would if it could (RFC 5802, gs2-cbind-flag). */
function wantsBinding(message: Buffer): boolean {
  if (message[0] !== FRONTEND.password) return false
  const nameEnd = message.indexOf(0, HEADER_LENGTH)
  // Name, length word, then "n,,…" where the client knows of no channel binding, "y,,…" or "p=…" where it does.
  return nameEnd > 0 && 'yp'.includes(message.toString('latin1', nameEnd + 5, nameEnd + 6) || '-')
}

function cannotBind(): PgError {
  return new PgError({
    message: 'blobgres: SCRAM with channel binding cannot pass this proxy',
    code: SQLSTATE.invalidAuthorizationSpecification,
    detail: "The certificate that the client sees is not the server's.",
    hint: "Connect with channel_binding=disable, or give the proxy the server's own certificate and key.",
  })
}

async function readMessage(socket: net.Socket, signal: AbortSignal): Promise<Buffer | undefined> {
  const header = await readExactly(socket, HEADER_LENGTH, signal)
  if (header === undefined) return undefined
  const length = header.readInt32BE(1) - 4
  if (length < 0 || length > MAX_LOGIN_MESSAGE_LENGTH) return undefined
  const body = length === 0 ? Buffer.alloc(0) : await readExactly(socket, length, signal)
  return body && Buffer.concat([header, body])
}
