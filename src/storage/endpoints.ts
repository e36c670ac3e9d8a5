/** Where storage accounts live: a template with `{account}` for all of them, and exceptions by name. */
export interface StorageEndpoints {
  readonly defaultTemplate: string
  readonly accounts: ReadonlyMap<string, string>
}

export const ACCOUNT_PLACEHOLDER = '{account}'

/** The URL of an account's blob service, without a trailing slash. */
export function endpointFor(endpoints: StorageEndpoints, account: string): string {
  const url = endpoints.accounts.get(account) ?? endpoints.defaultTemplate.replaceAll(ACCOUNT_PLACEHOLDER, account)
  return url.replace(/\/+$/, '')
}
