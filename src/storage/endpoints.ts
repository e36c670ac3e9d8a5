import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Where storage accounts live: a template with `{account}` for all of them, and exceptions by name. */
export interface StorageEndpoints {
  /** Without it there are no others than `accounts`: a stack to develop with leaves Azure alone. */
  readonly defaultTemplate?: string | undefined
  readonly accounts: ReadonlyMap<string, string>
  /** Without it, what Node trusts is trusted. */
  readonly trust?: Trust
}

/** Whose certificates are good. One object for all requests: connections are shared by it. */
export interface Trust {
  readonly secureContext: SecureContext
  /** What it was made of. */
  readonly ca: Buffer
}

/** Trusts the certificates of a PEM file besides the well-known authorities. */
export function trusting(ca: Buffer): Trust {
  return Object.freeze({ secureContext: createSecureContext({ ca: [...rootCertificates, ca] }), ca })
}

export const ACCOUNT_PLACEHOLDER = '{account}'

/** The URL of an account's blob service, without a trailing slash. @throws PgError where there is no such account */
export function endpointFor(endpoints: StorageEndpoints, account: string): string {
  const url = knownEndpoint(endpoints, account)
  if (url !== undefined) return url
  throw new PgError({
    message: 'azure_storage: internal error while connecting',
    code: SQLSTATE.sqlclientUnableToEstablishSqlconnection,
    detail: `There is no storage account "${account}" here, and accounts elsewhere are left alone.`,
    hint: `Start blobgres dev with --account ${account} to have it here, or with --storage-endpoint to say where it is.`,
  })
}

export function knownEndpoint({ accounts, defaultTemplate }: StorageEndpoints, account: string): string | undefined {
  const url = accounts.get(account) ?? defaultTemplate?.replaceAll(ACCOUNT_PLACEHOLDER, account)
  return url?.replace(/\/+$/, '')
}
