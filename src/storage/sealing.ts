import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Both 32 bytes. */
export interface SealingKey {
  readonly encKey: Buffer
  readonly macKey: Buffer
}

/*
 * `v1:` base64(nonce 16 ‖ ciphertext ‖ mac 32), made in the database from the one primitive that every stock
 * PostgreSQL has, sha256. ciphertext = clear ⊕ keystream, whose blocks are sha256(encKey ‖ nonce ‖ int4 counter);
 * mac = sha256(macKey ‖ sha256(macKey ‖ "sealed|account|" ‖ nonce ‖ ciphertext)): a credential moved to another
 * account's row does not open, else a SAS could be sent to the wrong host. `v2:` is the same with keys derived from
 * these and the database's passphrase: sha256(key ‖ passphrase). The SQL twin is extension/sealing.sql.
 */
const PREFIX = { serverKey: 'v1:', passphrase: 'v2:' } as const
const PREFIX_BYTES = 3
const NONCE_BYTES = 16
const HASH_BYTES = 32

/** The key as the server keeps it: StoredKey and ServerKey of a role's SCRAM verifier. */
export function parseSealingKey(verifier: string): SealingKey {
  const match = /^SCRAM-SHA-256\$\d+:[^$]+\$([^:]{44}):(.{44})$/.exec(verifier)
  if (match === null) throw new Error('the role azure_storage_key holds no sealing key')
  return { encKey: Buffer.from(match[1] as string, 'base64'), macKey: Buffer.from(match[2] as string, 'base64') }
}

/** `passphrase` is the setting azure_storage.credential_encryption_key, empty if there is none. */
export function seal(clear: string, account: string, key: SealingKey, passphrase = ''): string {
  const own = passphrase === '' ? key : deriveKey(key, passphrase)
  const nonce = randomBytes(NONCE_BYTES)
  const body = Buffer.concat([nonce, applyKeystream(Buffer.from(clear, 'utf8'), nonce, own)])
  const prefix = passphrase === '' ? PREFIX.serverKey : PREFIX.passphrase
  return prefix + Buffer.concat([body, sealMac(account, body, own)]).toString('base64')
}

/** Whatever has been sealed without a passphrase still opens after one was set. */
export function openSealed(sealed: string, account: string, key: SealingKey, passphrase = ''): string {
  const bytes = Buffer.from(sealed.slice(PREFIX_BYTES), 'base64')
  const body = bytes.subarray(0, -HASH_BYTES)
  const own = sealed.startsWith(PREFIX.passphrase) ? deriveKey(key, passphrase) : key
  if (!Object.values<string>(PREFIX).includes(sealed.slice(0, PREFIX_BYTES))) throw invalidFormat()
  if (bytes.length < NONCE_BYTES + HASH_BYTES) throw invalidFormat()
  if (!timingSafeEqual(bytes.subarray(-HASH_BYTES), sealMac(account, body, own))) throw invalidFormat()
  return applyKeystream(body.subarray(NONCE_BYTES), body.subarray(0, NONCE_BYTES), own).toString('utf8')
}

function deriveKey({ encKey, macKey }: SealingKey, passphrase: string): SealingKey {
  const bytes = Buffer.from(passphrase, 'utf8')
  return { encKey: sha256(encKey, bytes), macKey: sha256(macKey, bytes) }
}

/** What the database says of an account that the caller may use; see usable_accounts in extension/accounts.sql. */
export interface AccountGrant {
  readonly account: string
  readonly authType: string
  /** NULL for a managed identity. */
  readonly sealed: string | null
  readonly mac: string
  readonly passphrase: string
}

/**
 * The credential of a grant that the real extension made, under this server's key, in answer to this challenge. Anybody
 * with a database of its own can make a function that looks like the extension's, hence the proof.
 */
export function openGrant(grant: AccountGrant, challenge: string, key: SealingKey): string | null {
  const { account, authType, sealed, mac, passphrase } = grant
  const expected = macOf(Buffer.from(['grant', challenge, account, authType, sealed ?? ''].join('|')), key)
  const actual = Buffer.from(mac, 'hex')
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw new PgError({
      message: `azure_storage: this database cannot grant the use of storage account ${account}`,
      code: SQLSTATE.insufficientPrivilege,
    })
  }
  return sealed === null ? null : openSealed(sealed, account, key, passphrase)
}

/** What proves that a caller may use an account, in one statement of one backend; see extension/accounts.sql. */
export interface Ticket {
  readonly pid: number
  /** statement_timestamp() in microseconds. */
  readonly statement: string
  readonly account: string
  readonly authType: string
  readonly sealed: string | null
  readonly mac: string
}

export function isGenuine({ pid, statement, account, authType, sealed, mac }: Ticket, key: SealingKey): boolean {
  const words = ['ticket', String(pid), statement, account, authType, ...(sealed === null ? [] : [sealed])]
  const expected = macOf(Buffer.from(words.join('|')), key)
  const actual = Buffer.from(mac, 'hex')
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function sealMac(account: string, body: Buffer, key: SealingKey): Buffer {
  return macOf(Buffer.concat([Buffer.from(`sealed|${account}|`), body]), key)
}

function applyKeystream(bytes: Buffer, nonce: Buffer, { encKey }: SealingKey): Buffer {
  const result = Buffer.from(bytes)
  for (let start = 0; start < result.length; start += HASH_BYTES) {
    const counter = Buffer.alloc(4)
    counter.writeInt32BE(start / HASH_BYTES)
    const block = sha256(encKey, nonce, counter)
    for (let i = start; i < Math.min(start + HASH_BYTES, result.length); i++) {
      result[i] = (result[i] as number) ^ (block[i - start] as number)
    }
  }
  return result
}

function macOf(message: Buffer, { macKey }: SealingKey): Buffer {
  return sha256(macKey, sha256(macKey, message))
}

function sha256(...parts: Buffer[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function invalidFormat(): PgError {
  return new PgError({
    message: 'azure_storage: storage credentials invalid format',
    code: SQLSTATE.invalidParameterValue,
  })
}
