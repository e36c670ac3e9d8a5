import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'

/** Where storage accounts live: a template with `{account}` for all of them, and exceptions by name. */
export interface StorageEndpoints {
  readonly defaultTemplate: string
  readonly accounts: ReadonlyMap<string, string>
  /** Without it, what Node trusts is trusted. */
  readonly trust?: Trust
}

/** Whose certificates are good. One object for all requests: connections are shared by it. */
export interface Trust {
  readonly secureContext: SecureContext
}

/** Trusts the certificates of a PEM file besides the well-known authorities. */
export function trusting(ca: Buffer): Trust {
  return Object.freeze({ secureContext: createSecureContext({ ca: [...rootCertificates, ca] }) })
}

export const ACCOUNT_PLACEHOLDER = '{account}'

/** The URL of an account's blob service, without a trailing slash. */
export function endpointFor(endpoints: StorageEndpoints, account: string): string {
  const url = endpoints.accounts.get(account) ?? endpoints.defaultTemplate.replaceAll(ACCOUNT_PLACEHOLDER, account)
  return url.replace(/\/+$/, '')
}
