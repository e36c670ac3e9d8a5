import type { Admin } from '../config/dev-config.ts'
import { type Address, reachableHost } from '../config/values.ts'
import type { StorageAccount } from './azurite.ts'
import { SUPERUSER } from './set-up.ts'

/** How to reach a stack. */
export interface StackAccess {
  /** The admin's, in its database. */
  readonly connectionUri: string
  readonly superuserUri: string
  readonly storageConnectionString: string
  readonly accounts: readonly string[]
}

/** The connection string is that of `account`. */
export function accessTo(
  proxy: Address,
  storage: Address,
  accounts: readonly StorageAccount[],
  account: StorageAccount,
  admin: Admin,
): StackAccess {
  const uri = ({ user, database }: { readonly user: string; readonly database: string }) =>
    `postgres://${user}@${hostOf(proxy)}:${proxy.port}/${encodeURIComponent(database)}`
  const { name, key } = account
  return {
    connectionUri: uri(admin),
    superuserUri: uri(SUPERUSER),
    storageConnectionString:
      `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};` +
      `BlobEndpoint=http://${hostOf(storage)}:${storage.port}/${name};`,
    accounts: accounts.map(each => each.name),
  }
}

export function hostOf({ host }: Address): string {
  const reachable = reachableHost(host)
  return reachable.includes(':') ? `[${reachable}]` : reachable
}
