import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { isProof } from '../storage/grants.ts'
import { IN_STATEMENT, openFromStatement, openSealed, type SealingKey, seal } from '../storage/sealing.ts'

/** A credential to store; see azure_storage_private.seal(). */
export interface SealRequest {
  /** MAC over `text`, by which one knows that the extension wrote it. */
  readonly proof: string
  /** JSON of SealFields; neither read nor shown before the proof is checked. */
  readonly text: string
}

interface SealFields {
  readonly account: string
  readonly auth_type: string
  /** The credential as it was given to account_add(): in clear, or sealed by sealForStatement(). */
  readonly credentials?: string | null
  /** The credential as it is stored already, in the place of the above. */
  readonly sealed?: string | null
  readonly passphrase: string
  readonly pid: number
}

/** Reads what follows the verb. */
export function readSealRequest(rest: string): SealRequest {
  const space = rest.indexOf(' ')
  return { proof: rest.slice(0, space), text: rest.slice(space + 1) }
}

/** The credential as it is to be stored. @throws PgError */
export async function sealForAccount({ proof, text }: SealRequest, key: SealingKey): Promise<string> {
  if (!isProof(proof, ['seal', text], key)) {
    throw new PgError({
      message: 'azure_storage: the caller has not proved that it may register storage accounts',
      code: SQLSTATE.insufficientPrivilege,
    })
  }
  const { account, auth_type: authType, credentials, sealed, passphrase, pid } = JSON.parse(text) as SealFields
  const owner = { account, authType }
  try {
    const clear = sealed
      ? await openSealed(sealed, owner, key, passphrase)
      : openFromStatement(credentials ?? '', account, pid, key)
    return await seal(clear, owner, key, passphrase)
  } catch (error) {
    if (!(error instanceof PgError)) throw error
    const hint = credentials?.startsWith(IN_STATEMENT)
      ? 'Give the credential itself: the sealed one that a log shows is good for its account or its session only.'
      : undefined
    throw new PgError({ message: error.message, code: error.code, detail: `The account is ${account}.`, hint })
  }
}
