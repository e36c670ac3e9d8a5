import { randomBytes } from 'node:crypto'
import { isMac, mac } from '../credentials/mac.ts'
import type { SealingKey } from '../credentials/sealing.ts'
import { ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** User and database by which a connection of the extension's functions is told from a client's. */
export const LOOPBACK_NAME = 'azure_storage_loopback'

const HELLO = /^HELLO ((?:[0-9a-f]{2})+)$/
const REQUEST = /^([A-Z]+) ([0-9a-f]{64}) ((?:[0-9a-f]{2})+)$/
const NONCE = /^[0-9a-f]{64}$/
const STATEMENT = /^\d{1,20}$/
const NONCE_BYTES = 32

interface Hello {
  readonly nonce: string
  readonly pid: string
  readonly statement: string
  /** What the peer has dialled; null: an address that has been proved on this connection. */
  readonly address: string | null
  /** When the server of the peer was started: its standbys have the same key, but other backends. */
  readonly server: string
}

/** Who a proxy is, and for whom. */
export interface Whereabouts {
  /** Whether the server may have dialled that to reach this proxy. */
  isOwnAddress(address: string): boolean
  isOwnServer(startedAt: string): Promise<boolean>
}

/** What a peer has proved to have from the extension. */
export interface ProvedRequest {
  readonly verb: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * How both sides of a loopback connection prove to each other that they know the server's key, without showing anything
 * that is good for more than one request on this connection; the other side is in extension/loopback.sql and ask.ts.
 *
 * peer → `HELLO <json>`: a nonce of its own, whose statement it is for, the address that it has dialled, and its server
 * proxy → a nonce of its own, and a proof over all of these; none where it is not the one at that address for that server
 * peer → `<verb> <proof> <json>`: the proof is over both nonces too
 *
 * All texts are hexadecimal of UTF-8. Whatever is not in order is a ProtocolError, which ends the connection.
 */
export class Handshake {
  readonly #key: SealingKey
  readonly #whereabouts: Whereabouts
  #first: Hello | undefined
  /** What the next request must be proved for. */
  #greeted: { readonly theirs: string; readonly ours: string } | undefined

  constructor(key: SealingKey, whereabouts: Whereabouts) {
    this.#key = key
    this.#whereabouts = whereabouts
  }

  /** There was a HELLO, and it was answered. */
  get hasGreeted(): boolean {
    return this.#first !== undefined
  }

  /** What the peer has dialled. */
  get address(): string | undefined {
    return this.#first?.address ?? undefined
  }

  /** Our nonce and our proof. Rejects with a ProtocolError. */
  async greet(text: string): Promise<[nonce: string, proof: string]> {
    const hello = readHello(HELLO.exec(text)?.[1])
    const { nonce, pid, statement, address, server } = hello
    if (address === null ? this.#first === undefined : !this.#whereabouts.isOwnAddress(address)) {
      throw misdialled('this proxy does not know itself by that address')
    }
    if (!(await this.#whereabouts.isOwnServer(server))) throw misdialled('this proxy is in front of another server')
    if (this.#first && (pid !== this.#first.pid || statement !== this.#first.statement)) throw outOfOrder()
    this.#first ??= hello
    const ours = randomBytes(NONCE_BYTES).toString('hex')
    this.#greeted = { theirs: nonce, ours }
    return [ours, mac(this.#key, 'blobgres/2 peer', nonce, ours, pid, statement, address, server)]
  }

  /** One request a HELLO, for the statement of that. @throws ProtocolError */
  accept(text: string): ProvedRequest {
    const [, verb, proof, hex] = REQUEST.exec(text) ?? []
    const greeted = this.#greeted
    this.#greeted = undefined
    if (verb === undefined || proof === undefined || hex === undefined || greeted === undefined) throw outOfOrder()
    const content = Buffer.from(hex, 'hex')
    if (!isMac(proof, this.#key, 'blobgres/2 request', greeted.theirs, greeted.ours, verb, content)) throw unproved()
    const fields = readObject(content)
    const call = fields.call as Record<string, unknown> | undefined
    if (String(call?.pid) !== this.#first?.pid || String(call?.statement) !== this.#first.statement) throw unproved()
    return { verb, fields }
  }
}

function readHello(hex: string | undefined): Hello {
  if (hex === undefined) throw outOfOrder()
  const { nonce, pid, statement, address, server } = readObject(Buffer.from(hex, 'hex'))
  const isHello =
    typeof nonce === 'string' &&
    NONCE.test(nonce) &&
    typeof pid === 'string' &&
    STATEMENT.test(pid) &&
    typeof statement === 'string' &&
    STATEMENT.test(statement) &&
    (address === null || typeof address === 'string') &&
    typeof server === 'string' &&
    STATEMENT.test(server)
  if (!isHello) throw outOfOrder()
  return { nonce, pid, statement, address, server }
}

function readObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw outOfOrder()
  }
  if (typeof value !== 'object' || value === null) throw outOfOrder()
  return value as Record<string, unknown>
}

const outOfOrder = (): ProtocolError => new ProtocolError('azure_storage: this is no exchange of the extension')

const misdialled = (why: string): ProtocolError =>
  new ProtocolError(`azure_storage: ${why}`, SQLSTATE.invalidAuthorizationSpecification)

const unproved = (): ProtocolError =>
  new ProtocolError(
    'azure_storage: a request without the proof that it is one of the extension',
    SQLSTATE.insufficientPrivilege,
  )
