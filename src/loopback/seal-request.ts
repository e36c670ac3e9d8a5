import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { isProof } from '../storage/grants.ts'
import { IN_STATEMENT, openFromStatement, openSealed, type SealingKey, seal } from '../storage/sealing.ts'

/** A credential to store: as it was given to account_add(), or as it is stored already. */
export interface SealRequest {
  readonly pid: number
  readonly statement: string
  readonly account: string
  readonly authType: string
  readonly credentials: string | undefined
  readonly sealed: string | undefined
  readonly passphrase: string
  /** The request as it was written, and the proof that the extension wrote it. */
  readonly text: string
  readonly proof: string
}

/** Reads what follows the verb: the proof, and JSON. */
export function readSealRequest(rest: string): SealRequest {
  const space = rest.indexOf(' ')
  const text = rest.slice(space + 1)
  const { pid, statement, account, auth_type, credentials, sealed, passphrase } = JSON.parse(text)
  return {
    pid: Number(pid),
    statement: String(statement),
    account: String(account),
    authType: String(auth_type),
    credentials: credentials ?? undefined,
    sealed: sealed ?? undefined,
    passphrase: String(passphrase),
    text,
    proof: rest.slice(0, space),
  }
}

/** The credential as it is to be stored. @throws PgError */
export async function sealForAccount(request: SealRequest, key: SealingKey): Promise<string> {
  const { pid, account, authType, credentials, sealed, passphrase, text, proof } = request
  if (!isProof(proof, ['seal', text], key)) {
    throw new PgError({
      message: `azure_storage: the caller has not proved that it may register storage account ${account}`,
      code: SQLSTATE.insufficientPrivilege,
    })
  }
  const owner = { account, authType }
  try {
    const clear =
      sealed === undefined
        ? openFromStatement(credentials ?? '', account, pid, key)
        : await openSealed(sealed, owner, key, passphrase)
    return await seal(clear, owner, key, passphrase)
  } catch (error) {
    if (!(error instanceof PgError)) throw error
    const { message, code } = error
    throw new PgError({ message, code, detail: `The account is ${account}.`, hint: hintFor(credentials) })
  }
}

const hintFor = (credentials: string | undefined): string | undefined =>
  credentials?.startsWith(IN_STATEMENT)
    ? 'Give the credential itself: the sealed one that a log shows is good for its account or its session only.'
    : undefined
