import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { anonymous, type Credential, parseCredential } from './credential.ts'
import { isMac } from './mac.ts'
import type { ManagedIdentity } from './managed-identity.ts'
import { databaseName, openSealed, type SealingKey } from './sealing.ts'

/** How the database says to reach an account that the caller may use; see azure_storage_private.access(). */
export interface Grant {
  readonly authType: 'access-key' | 'managed-identity'
  /** Null for a managed identity. */
  readonly sealed: string | null
  /** The session's azure_storage.credential_encryption_key, where the credential is sealed with it. */
  readonly passphrase: string
}

/** What azure_storage_private.copy_open() tells, once it is proved. */
export interface Access {
  /** Undefined: anonymously, or with a credential of the caller's own. */
  readonly grant: Grant | undefined
  readonly statementTimeoutMs: number
  readonly blockSizeMb: number
  /** Whether the session wants notices of progress; undefined: it has not said so. */
  readonly progress: boolean | undefined
}

/** What the proxy has asked for, and of whom. */
export interface AccessQuestion {
  readonly account: string
  /** 32 hexadecimal digits, made for this question alone. */
  readonly challenge: string
  /** Of the session's backend. */
  readonly pid: number
  /** As the client has asked for it. */
  readonly database: string
}

/** What credentials are opened with. */
export interface CredentialAccess {
  readonly sealingKey: SealingKey
  readonly identity: ManagedIdentity
}

/**
 * An answer that the real extension gave, under this server's key, to just this question. Anybody with a database of its
 * own can make a function that looks like the extension's, hence the proof; and can carry the answer of a real one over,
 * hence the rest.
 * @throws PgError
 */
export function readAccess(text: Buffer, proof: string, question: AccessQuestion, key: SealingKey): Access {
  const { account, challenge, pid, database } = question
  if (!isMac(proof, key, 'blobgres/2 access', challenge, text)) throw notGranted(account)
  const told = JSON.parse(text.toString('utf8')) as Record<string, unknown>
  const isForUs =
    told.account === account &&
    told.pid === pid &&
    databaseName(Buffer.from(String(told.database), 'hex')) === databaseName(Buffer.from(database))
  if (!isForUs) throw notGranted(account)
  return {
    grant: readGrant(told.grant, account),
    statementTimeoutMs: Number(told.statement_timeout_ms),
    blockSizeMb: Number(told.block_size_mb),
    progress: readWish(told.progress),
  }
}

/** JSON's null: undefined. */
export const readWish = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

/** `value` is JSON's null for anonymous access. @throws PgError where it is not what the extension writes. */
export function readGrant(value: unknown, account: string): Grant | undefined {
  if (value === null) return undefined
  const { auth_type: authType, sealed, passphrase } = (value ?? {}) as Record<string, unknown>
  if (authType === 'managed-identity' && sealed === null) return { authType, sealed, passphrase: '' }
  if (authType === 'access-key' && typeof sealed === 'string') {
    return { authType, sealed, passphrase: typeof passphrase === 'string' ? passphrase : '' }
  }
  throw notGranted(account)
}

/** @throws PgError where the credential cannot be used. */
export async function credentialOf(
  account: string,
  grant: Grant | undefined,
  { sealingKey, identity }: CredentialAccess,
): Promise<Credential> {
  if (grant === undefined) return anonymous
  const { authType, sealed, passphrase } = grant
  if (sealed === null) return { kind: 'managed-identity', identity }
  return parseCredential(await openSealed(sealed, { account, authType }, sealingKey, passphrase))
}

function notGranted(account: string): PgError {
  return new PgError({
    message: `azure_storage: this database cannot grant the use of storage account ${account}`,
    code: SQLSTATE.insufficientPrivilege,
  })
}
