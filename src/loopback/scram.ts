import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

/** The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. */
export const MECHANISM = 'SCRAM-SHA-256'

/** The secret is a random 256-bit number: stretching it would only slow logins down. */
const ITERATIONS = 1

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

export class ScramServer {
  readonly #salt = randomBytes(16)
  readonly #storedKey: Buffer
  readonly #serverKey: Buffer
  #clientFirstBare = ''
  #serverFirst = ''

  constructor(secret: string) {
    const salted = pbkdf2Sync(secret, this.#salt, ITERATIONS, 32, 'sha256')
    this.#storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
    this.#serverKey = hmac(salted, 'Server Key')
  }

  /** client-first-message → server-first-message; undefined where it is none. */
  start(clientFirst: string): string | undefined {
    const match = /^[ny],,((?:m=[^,]*,)?n=[^,]*,r=([^,]+).*)$/s.exec(clientFirst)
    if (match === null) return undefined
    this.#clientFirstBare = match[1] as string
    const nonce = `${match[2]}${randomBytes(18).toString('base64')}`
    this.#serverFirst = `r=${nonce},s=${this.#salt.toString('base64')},i=${ITERATIONS}`
    return this.#serverFirst
  }

  /** client-final-message → server-final-message; undefined where the client does not know the secret. */
  finish(clientFinal: string): string | undefined {
    const match = /^(c=[^,]*,r=([^,]+)),p=([^,]+)$/s.exec(clientFinal)
    const nonce = /^r=([^,]+)/.exec(this.#serverFirst)?.[1]
    if (match === null || match[2] !== nonce) return undefined
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${match[1]}`
    const signature = hmac(this.#storedKey, authMessage)
    const proof = Buffer.from(match[3] as string, 'base64')
    if (proof.length !== signature.length) return undefined
    const clientKey = Buffer.from(proof.map((byte, i) => byte ^ (signature[i] as number)))
    if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), this.#storedKey)) return undefined
    return `v=${hmac(this.#serverKey, authMessage).toString('base64')}`
  }
}
