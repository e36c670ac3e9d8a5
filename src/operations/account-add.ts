import { whatIsWrong } from '../credentials/credential-check.ts'
import {
  databaseName,
  IN_STATEMENT,
  openFromStatement,
  openSealed,
  type SealingKey,
  seal,
} from '../credentials/sealing.ts'
import { PgError } from '../protocol/pg-error.ts'

/** A credential to store; see azure_storage_private.seal(). */
export interface SealRequest {
  readonly account: string
  readonly authType: string
  /** The credential as it was given to account_add(): in clear, or sealed by sealForStatement(). */
  readonly credentials: string
  /** The credential as it is stored already, in the place of the above. */
  readonly sealed: string | undefined
  readonly passphrase: string
  /** The backend whose statement gives it, and its database (see databaseName()). */
  readonly pid: number
  readonly database: string
}

export function readSealRequest(fields: Readonly<Record<string, unknown>>): SealRequest {
  const call = fields.call as Record<'pid' | 'database_in_hex', unknown>
  return {
    account: String(fields.account),
    authType: String(fields.auth_type),
    credentials: String(fields.credentials ?? ''),
    sealed: typeof fields.sealed === 'string' ? fields.sealed : undefined,
    passphrase: String(fields.passphrase ?? ''),
    pid: Number(call.pid),
    database: databaseName(Buffer.from(String(call.database_in_hex), 'hex')),
  }
}

/** What whoever adds a credential should know of it. The credential itself is not told. @throws PgError */
export function warningOf(
  { account, credentials, sealed, pid, database }: SealRequest,
  key: SealingKey,
): string | undefined {
  if (sealed) return undefined
  const wrong = whatIsWrong(openFromStatement(credentials, { account, pid, database }, key))
  return wrong && `azure_storage: the credential given for storage account "${account}" ${wrong}`
}

/** The credential as it is to be stored. @throws PgError */
export async function sealForAccount(request: SealRequest, key: SealingKey): Promise<string> {
  const { account, authType, credentials, sealed, passphrase, pid, database } = request
  const owner = { account, authType }
  try {
    const clear = sealed
      ? await openSealed(sealed, owner, key, passphrase)
      : openFromStatement(credentials, { account, pid, database }, key)
    return await seal(clear, owner, key, passphrase)
  } catch (error) {
    if (!(error instanceof PgError)) throw error
    const hint = credentials.startsWith(IN_STATEMENT)
      ? 'Give the credential itself: the sealed one that a log shows is good for its own session and account only.'
      : undefined
    throw new PgError({ message: error.message, code: error.code, detail: `The account is ${account}.`, hint })
  }
}
