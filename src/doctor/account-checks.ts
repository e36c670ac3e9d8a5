import { randomBytes } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { credentialOf } from '../credentials/access.ts'
import type { Credential } from '../credentials/credential.ts'
import { whatIsWrong } from '../credentials/credential-check.ts'
import type { ManagedIdentity } from '../credentials/managed-identity.ts'
import type { SealingKey } from '../credentials/sealing.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { listBlobs, openBlob } from '../storage/blob-client.ts'
import type { RegisteredAccount } from './databases.ts'
import { type Finding, failed, look, type Outcome, ok, psql, untried, wordsOf } from './finding.ts'

const ACCOUNT_LIMIT_MS = 20_000
const TOKEN_LIMIT_MS = 20_000

/** What a SAS of one container or blob has to name, for each of the rights. */
const LETTERS = { list: 'l', read: 'r', write: 'w' } as const
type Right = keyof typeof LETTERS
const RIGHTS = Object.keys(LETTERS) as Right[]

export interface Keys {
  readonly sealingKey: SealingKey
  readonly identity: ManagedIdentity
}

export function checkToken(identity: ManagedIdentity): Promise<Finding> {
  return look(
    'managed identity',
    async () => {
      try {
        await identity.getToken([])
        return ok('it has a token for storage')
      } catch (error) {
        return failed(wordsOf(error), {
          advice:
            'Give the machine an identity (az vm identity assign), or take another one: --azure-credential default, after az login.',
        })
      }
    },
    TOKEN_LIMIT_MS,
  )
}

/**
 * Whether an account's credential opens, and what it may do. Why it may not be tried: `obstacle`. Nothing is changed in
 * the account: what is asked for is in a container that nobody has, so that the service refuses it in any case, but tells
 * those who may from those who may not.
 */
export async function checkAccount(
  config: Config,
  account: RegisteredAccount,
  keys: Keys,
  obstacle: string | undefined,
): Promise<Finding[]> {
  const title = `account ${account.name} of ${account.database}`
  let credential: Credential | undefined
  const opened = await look(`${title}: credential`, async () => {
    const { given, outcome } = await open(account, keys)
    credential = given
    return outcome
  })
  const container = `blobgres-doctor-${randomBytes(16).toString('hex')}`
  const rights = RIGHTS.map(right =>
    look(
      `${title}: ${right}`,
      async signal => {
        if (credential === undefined) return untried('the credential does not open')
        if (obstacle !== undefined) return untried(obstacle)
        const told = byItsWords(credential, right, account)
        return told ?? (await ask(config, account, credential, container, right, signal))
      },
      ACCOUNT_LIMIT_MS,
    ),
  )
  return [opened, ...(await Promise.all(rights))]
}

async function open(
  { name, database, authType, sealed, passphrases }: RegisteredAccount,
  { sealingKey, identity }: Keys,
): Promise<{ given?: Credential; outcome: Outcome }> {
  let wrong: unknown
  for (const passphrase of passphrases) {
    try {
      const given = await credentialOf(name, { authType, sealed, passphrase }, { sealingKey, identity })
      const improbable = isSecret(given) ? whatIsWrong(given.kind === 'sas' ? given.query : given.key) : undefined
      if (improbable !== undefined) return { given, outcome: failed(`it ${improbable}`, addAgain(name, database)) }
      return { given, outcome: ok(KINDS[given.kind]) }
    } catch (error) {
      wrong = error
    }
  }
  const reason = 'it was sealed under another BLOBGRES_CREDENTIAL_KEY or passphrase, or for another account'
  return { outcome: failed(`${wordsOf(wrong)}; ${reason}`, addAgain(name, database)) }
}

const KINDS: Readonly<Record<Credential['kind'], string>> = {
  'shared-key': 'an access key',
  sas: 'a SAS token',
  'managed-identity': 'the managed identity',
  anonymous: 'none',
}

const isSecret = (credential: Credential): credential is Credential & { kind: 'sas' | 'shared-key' } =>
  credential.kind === 'sas' || credential.kind === 'shared-key'

/** psql asks for the secret, so that it is in no history. What it acts on itself has no name in it. */
const addAgain = (account: string, database: string) =>
  psql(
    `\\prompt 'Access key or SAS token: ' secret \\\\ SELECT azure_storage.account_add(${quoteLiteral(account)}, :'secret');`,
    database,
  )

/** A SAS of one container or blob does not say which: it can only be taken at its word. */
function byItsWords(credential: Credential, right: Right, { name, database }: RegisteredAccount): Outcome | undefined {
  if (credential.kind !== 'sas') return undefined
  const parameters = new URLSearchParams(credential.query)
  if (!parameters.has('sr')) return undefined
  const what = parameters.get('sr') === 'c' ? 'one container' : 'one blob or folder'
  const permissions = parameters.get('sp')
  if (permissions === null)
    return untried(`the SAS token is for ${what}, by the stored access policy ${parameters.get('si')}`)
  const words = `the SAS token, for ${what}, says sp=${permissions}`
  if (permissions.includes(LETTERS[right]) || (right === 'write' && permissions.includes('c'))) return ok(words)
  return failed(words, { ...addAgain(name, database), ...NARROW })
}

const NARROW = {
  advice: "It takes a key, SAS token or role that allows it, and a firewall of the account's that does.",
}

async function ask(
  { storageEndpoints: endpoints }: Config,
  { name, database }: RegisteredAccount,
  credential: Credential,
  container: string,
  right: Right,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    if (right === 'list') await listBlobs(endpoints, name, credential, container, '', signal).next()
    else {
      const blob = openBlob(endpoints, name, credential, container, 'none')
      if (right === 'read') (await blob.download({ signal })).body.destroy()
      else await blob.upload({ signal, maxBlockBytes: 1 }).commit()
    }
    return ok('it may')
  } catch (error) {
    // That there is no such container only those are told who might use it.
    if (error instanceof PgError && error.code === SQLSTATE.undefinedFile) return ok('it may')
    const isRefused = error instanceof PgError && error.code === SQLSTATE.insufficientPrivilege
    return failed(
      wordsOf(error),
      isRefused && isSecret(credential) ? { ...addAgain(name, database), ...NARROW } : NARROW,
    )
  }
}
