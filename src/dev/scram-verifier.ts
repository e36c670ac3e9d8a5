import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const ITERATIONS = 4096

/** What PostgreSQL keeps of a password (RFC 5803), so that no statement shows the password itself. */
export function scramVerifier(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest()
  const [salt64, stored64, server64] = [salt, storedKey, hmac('Server Key')].map(bytes => bytes.toString('base64'))
  return `SCRAM-SHA-256$${ITERATIONS}:${salt64}$${stored64}:${server64}`
}
