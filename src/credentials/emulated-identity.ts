import { randomBytes } from 'node:crypto'
import type { TokenCredential } from '@azure/identity'

const AUDIENCE = 'https://storage.azure.com'
const ISSUER = 'https://sts.windows.net/00000000-0000-0000-0000-000000000000/'
const LIFETIME_SECONDS = 3600
/** Azurite's clock may be another machine's. */
const CLOCK_SKEW_SECONDS = 60

/** The identity of a machine that has none, for Azurite: with `--oauth basic` it looks at no signature. At Azure it is refused. */
export const emulatedIdentity: TokenCredential = {
  async getToken() {
    const expiresAt = Math.floor(Date.now() / 1000) + LIFETIME_SECONDS
    return { token: emulatedToken(expiresAt), expiresOnTimestamp: expiresAt * 1000 }
  },
}

/** `expiresAt` in seconds since 1970. */
export function emulatedToken(expiresAt: number, audience = AUDIENCE): string {
  const now = Math.floor(Date.now() / 1000) - CLOCK_SKEW_SECONDS
  const claims = { aud: audience, iss: ISSUER, iat: now, nbf: now, exp: expiresAt }
  const parts = [{ alg: 'RS256', typ: 'JWT' }, claims].map(part => Buffer.from(JSON.stringify(part)))
  return [...parts, randomBytes(32)].map(part => part.toString('base64url')).join('.')
}
