import { ACCOUNT_PLACEHOLDER, type StorageEndpoints } from '../storage/endpoints.ts'
import { badValue, ConfigError, type Given, tryUrl } from './values.ts'

export const AZURE_ENDPOINT = `https://${ACCOUNT_PLACEHOLDER}.blob.core.windows.net`

/** A URL with `{account}` for all others, `account=URL` for one account, or several of them separated by commas. */
export function parseEndpoints({ name, value }: Given): StorageEndpoints {
  const accounts = new Map<string, string>()
  let defaultTemplate: string | undefined
  for (const entry of value.split(',').map(part => part.trim())) {
    const [, account, url = entry] = /^([a-z0-9]{3,24})=(.*)$/.exec(entry) ?? []
    if (!isEndpoint(url)) throw badValue({ name, value: entry }, 'an http(s) URL with {account}, or account=URL')
    const endpoint = url.replace(/\/+$/, '')
    if (account !== undefined) {
      accounts.set(account, endpoint)
    } else if (!url.includes(ACCOUNT_PLACEHOLDER)) {
      throw badValue({ name, value: entry }, 'a URL with {account} in it; for one account write account=URL')
    } else if (defaultTemplate !== undefined) {
      throw new ConfigError(`${name}: two default URLs, ${defaultTemplate} and ${endpoint}`)
    } else {
      defaultTemplate = endpoint
    }
  }
  return { defaultTemplate, accounts }
}

function isEndpoint(text: string): boolean {
  const url = tryUrl(text.replace(ACCOUNT_PLACEHOLDER, 'account'))
  return url !== undefined && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username
}
