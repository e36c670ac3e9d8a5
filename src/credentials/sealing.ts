import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Two secrets of 32 bytes: what credentials are encrypted with, and what proofs are made with (mac.ts). */
export interface SealingKey {
  readonly encKey: Buffer
  readonly macKey: Buffer
}

/** What a stored credential belongs to. It opens for nothing else, else a SAS could be sent to the wrong host. */
export interface Owner {
  readonly account: string
  readonly authType: string
}

/** What a credential in a statement is for: a session, and the account where the statement names it. */
export interface Recipient {
  /** Of the session's backend. */
  readonly pid: number
  /** See databaseName(). */
  readonly database: string
  readonly account: string | undefined
}

/*
 * AES-256-GCM throughout: base64 of nonce 12 ‖ ciphertext ‖ tag 16, and as additional data what it is for. The letter
 * of a stored form tells the key, the digit its version:
 *   s1: the server's key (HKDF of encKey)
 *   p1: salt 16 before the nonce; the same with scrypt(passphrase, salt) as HKDF's salt, so that it takes both
 */
const FORM = { server: 's1:', passphrase: 'p1:' } as const
const FORM_LENGTH = 3
/** Stands before a credential in the text or a parameter of a statement, which logs and views may show. */
export const IN_STATEMENT = 'blobgres-sealed:'
const SEALED_PASSPHRASE = 'blobgres-passphrase:'
const PASSPHRASE = JSON.stringify(['passphrase'])

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SALT_BYTES = 16
const MAX_NAME_BYTES = 63
/** 32 MiB and some 60 ms; Node's default limit is just below. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

/** One for all that this process seals, so that a passphrase is stretched once. */
const ownSalt = randomBytes(SALT_BYTES)

/** The key as the server keeps it: StoredKey and ServerKey of a role's SCRAM verifier. */
export function parseSealingKey(verifier: string): SealingKey {
  const match = /^SCRAM-SHA-256\$\d+:[^$]+\$([^:]{44}):(.{44})$/.exec(verifier)
  if (match === null) throw new Error('the role azure_storage_key holds no sealing key')
  return { encKey: Buffer.from(match[1] as string, 'base64'), macKey: Buffer.from(match[2] as string, 'base64') }
}

/** With a key of the proxies' own mixed in, what the server keeps does not open credentials by itself. */
export function withProxyKey(key: SealingKey, proxyKey: string | undefined): SealingKey {
  if (proxyKey === undefined) return key
  return { ...key, encKey: Buffer.from(hkdfSync('sha256', key.encKey, proxyKey, 'azure_storage proxy', KEY_BYTES)) }
}

/** For the table of accounts. `setting` is azure_storage.credential_encryption_key, empty if there is no passphrase. */
export async function seal(clear: string, owner: Owner, key: SealingKey, setting = ''): Promise<string> {
  const purpose = storedFor(owner)
  const passphrase = openPassphrase(setting, key)
  if (passphrase === '') return FORM.server + encrypt(clear, deriveKey(key), purpose).toString('base64')
  const own = deriveKey(key, await stretch(passphrase, ownSalt))
  return FORM.passphrase + Buffer.concat([ownSalt, encrypt(clear, own, purpose)]).toString('base64')
}

/** Whatever has been sealed without a passphrase still opens after one was set. @throws PgError */
export async function openSealed(sealed: string, owner: Owner, key: SealingKey, setting = ''): Promise<string> {
  const bytes = decodeStrictly(sealed.slice(FORM_LENGTH), 'base64')
  switch (sealed.slice(0, FORM_LENGTH)) {
    case FORM.server:
      return decrypt(bytes, deriveKey(key), storedFor(owner))
    case FORM.passphrase: {
      const stretched = await stretch(openPassphrase(setting, key), bytes.subarray(0, SALT_BYTES))
      return decrypt(bytes.subarray(SALT_BYTES), deriveKey(key, stretched), storedFor(owner))
    }
    default:
      throw invalidFormat()
  }
}

/** A credential as it may stand in a statement; ASCII. What is so already stays. */
export function sealForStatement(clear: string, recipient: Recipient, key: SealingKey): string {
  if (clear.startsWith(IN_STATEMENT)) return clear
  return IN_STATEMENT + encrypt(clear, deriveKey(key), statedFor(recipient)).toString('base64url')
}

/**
 * What a statement gives for the recipient's credential: clear, or sealed for this session. What was sealed in another, or
 * in the same for another account, does not open: logs show it to more than may register it.
 * @throws PgError
 */
export function openFromStatement(given: string, recipient: Recipient, key: SealingKey): string {
  if (!given.startsWith(IN_STATEMENT)) return given
  const bytes = decodeStrictly(given.slice(IN_STATEMENT.length), 'base64url')
  try {
    return decrypt(bytes, deriveKey(key), statedFor(recipient))
  } catch {
    return decrypt(bytes, deriveKey(key), statedFor({ ...recipient, account: undefined }))
  }
}

/** A passphrase as a setting holds it, which everybody can read; ASCII. An empty one is none. */
export function sealPassphrase(clear: string, key: SealingKey): string {
  if (clear === '' || clear.startsWith(SEALED_PASSPHRASE)) return clear
  return SEALED_PASSPHRASE + encrypt(clear, deriveKey(key), PASSPHRASE).toString('base64url')
}

/** What a setting holds, be it sealed or not: it may have been set past the proxy. @throws PgError */
export function openPassphrase(set: string, key: SealingKey): string {
  if (!set.startsWith(SEALED_PASSPHRASE)) return set
  return decrypt(decodeStrictly(set.slice(SEALED_PASSPHRASE.length), 'base64url'), deriveKey(key), PASSPHRASE)
}

/** PostgreSQL compares the first 63 bytes of a database's name, whatever they mean in its encoding. */
export function databaseName(bytes: Buffer): string {
  return bytes.subarray(0, MAX_NAME_BYTES).toString('utf8')
}

const storedFor = ({ account, authType }: Owner): string => JSON.stringify(['stored', account, authType])
const statedFor = ({ pid, database, account }: Recipient): string =>
  JSON.stringify(['blobgres/2 statement', pid, database, account ?? null])

/** Node ignores what is no base64, and everything behind the padding. */
function decodeStrictly(text: string, form: 'base64' | 'base64url'): Buffer {
  const bytes = Buffer.from(text, form)
  if (bytes.toString(form) !== text) throw invalidFormat()
  return bytes
}

/** HKDF takes some 100 µs, which every credential in a statement would cost; of keys without a passphrase there are few. */
const derived = new WeakMap<SealingKey, Buffer>()

function deriveKey(key: SealingKey, stretched?: Buffer): Buffer {
  const known = stretched === undefined ? derived.get(key) : undefined
  if (known !== undefined) return known
  const salt = stretched ?? Buffer.alloc(0)
  const own = Buffer.from(hkdfSync('sha256', key.encKey, salt, 'azure_storage credentials', KEY_BYTES))
  if (stretched === undefined) derived.set(key, own)
  return own
}

function encrypt(clear: string, key: Buffer, purpose: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(purpose))
  return Buffer.concat([nonce, cipher.update(clear, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

function decrypt(bytes: Buffer, key: Buffer, purpose: string): string {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw invalidFormat()
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-TAG_BYTES))
  const clear = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
  try {
    return Buffer.concat([clear, decipher.final()]).toString('utf8')
  } catch {
    throw invalidFormat()
  }
}

const scryptAsync = promisify<string, Buffer, number, typeof SCRYPT, Buffer>(scrypt)
/** Slow on purpose, hence kept; under a hash, so that passphrases are not. */
const stretched = new Map<string, Promise<Buffer>>()
const MAX_STRETCHED = 100
/** At a time: each takes a thread of Node's pool, in which files and host names are looked up too. */
const MAX_STRETCHING = 2
let stretching = 0
const waiting: (() => void)[] = []

function stretch(passphrase: string, salt: Buffer): Promise<Buffer> {
  const name = createHash('sha256').update(salt).update(passphrase).digest('base64')
  const known = stretched.get(name)
  if (known !== undefined) return known
  const [oldest] = stretched.keys()
  if (oldest !== undefined && stretched.size >= MAX_STRETCHED) stretched.delete(oldest)
  const result = inTurn(() => scryptAsync(passphrase, salt, KEY_BYTES, SCRYPT))
  result.catch(() => stretched.delete(name))
  stretched.set(name, result)
  return result
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (stretching < MAX_STRETCHING) stretching++
  else await new Promise<void>(resolve => waiting.push(resolve))
  try {
    return await work()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else stretching--
  }
}

function invalidFormat(): PgError {
  return new PgError({
    message: 'azure_storage: storage credentials invalid format',
    code: SQLSTATE.invalidParameterValue,
  })
}
