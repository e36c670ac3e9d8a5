import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { ManagedIdentity } from './managed-identity.ts'

/** How a request proves who it is. The secret members are not enumerable, so that no log or dump shows them. */
export type Credential =
  | { readonly kind: 'shared-key'; readonly key: string }
  | { readonly kind: 'sas'; readonly query: string }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'managed-identity'; readonly identity: ManagedIdentity }

const ACCOUNT_KEY = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const SAS_PARAMETER = /^[A-Za-z]+=[^\s#?&=]+=*$/

export const anonymous: Credential = { kind: 'anonymous' }

/** Reads what users register as an account's key: the key itself, or a shared access signature. */
export function parseCredential(text: string): Credential {
  if (text.includes('sig=')) return parseSas(text.replace(/^\?/, ''))
  if (!ACCOUNT_KEY.test(text)) throw invalidCredential()
  return hideSecret({ kind: 'shared-key', key: text }, 'key')
}

function parseSas(query: string): Credential {
  const parameters = query.split('&')
  if (!parameters.every(isSasParameter) || !parameters.some(parameter => parameter.startsWith('sig='))) {
    throw invalidCredential()
  }
  return hideSecret({ kind: 'sas', query }, 'query')
}

function isSasParameter(parameter: string): boolean {
  if (!SAS_PARAMETER.test(parameter)) return false
  try {
    decodeURIComponent(parameter)
    return true
  } catch {
    return false
  }
}

function hideSecret<T extends Credential>(credential: T, secret: keyof T): T {
  return Object.defineProperty(credential, secret, { enumerable: false })
}

function invalidCredential(): PgError {
  return new PgError({
    message: 'azure_storage: storage credentials invalid format',
    code: SQLSTATE.invalidParameterValue,
  })
}
