import { createHash, timingSafeEqual } from 'node:crypto'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { openSealed, type SealingKey } from './sealing.ts'

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
export async function openGrant(grant: AccountGrant, challenge: string, key: SealingKey): Promise<string | null> {
  const { account, authType, sealed, mac, passphrase } = grant
  if (!isProof(mac, ['grant', challenge, account, authType, sealed ?? ''], key)) {
    throw new PgError({
      message: `azure_storage: this database cannot grant the use of storage account ${account}`,
      code: SQLSTATE.insufficientPrivilege,
    })
  }
  return sealed === null ? null : openSealed(sealed, { account, authType }, key, passphrase)
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
  return isProof(mac, ['ticket', String(pid), statement, account, authType, ...(sealed === null ? [] : [sealed])], key)
}

/** Whether `mac` was made with the key for just these words. */
export function isProof(mac: string, words: readonly string[], { macKey }: SealingKey): boolean {
  const expected = sha256(macKey, sha256(macKey, Buffer.from(words.join('|'))))
  const actual = Buffer.from(mac, 'hex')
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

function sha256(...parts: Buffer[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
