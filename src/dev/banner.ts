import type { Admin } from '../config/dev-config.ts'
import { type Address, reachableHost } from '../config/values.ts'
import { quoteShellWord } from '../sql/quote.ts'
import { hostOf, type StackAccess } from './access.ts'

export interface BannerFacts {
  readonly listen: Address
  readonly azurite: Address
  /** The status page's. */
  readonly http: Address | undefined
  readonly access: StackAccess
  /** The samples'. */
  readonly account: string
  readonly admin: Admin
  readonly dataDir: string
  readonly strictAzure?: boolean
}

/** What a started dev stack prints: where everything is, and statements to paste, as often as one likes. */
export function banner({ listen, azurite, http, access, account, admin, dataDir, strictAzure }: BannerFacts): string {
  const host = reachableHost(listen.host)
  const samples = `https://${account}.blob.core.windows.net/samples`
  const strict = strictAzure ? ' It creates the extensions that azure.extensions lists.' : ''
  const page = http ? `Transfers, sessions and blobs, to look at: http://${hostOf(http)}:${http.port}/\n` : ''
  const list = `SELECT path, bytes FROM azure_storage.blob_list('${account}', 'samples')`
  return `Blobgres listens on ${listen.host}:${listen.port}, Azurite on ${azurite.host}:${azurite.port}

  ${access.connectionUri}
is an admin as on Azure: no superuser, but a member of azure_pg_admin, and the owner of its database.${strict}

Connect with
  psql -h ${host} -p ${listen.port} -U ${[admin.user, admin.database].map(quoteShellWord).join(' ')}
and paste
  ${list};
  CREATE TABLE IF NOT EXISTS sample (id bigint, sample_text text, sample_integer integer, sample_timestamp timestamp); TRUNCATE sample;
  COPY sample FROM '${samples}/storage_extension_sample.csv' WITH (FORMAT csv, HEADER);
  COPY sample TO '${samples}/my_copy.csv.gz' WITH (HEADER);

Without psql: npx blobgres sql "${list}"
For Azure Storage Explorer and other clients of the storage:
  ${access.storageConnectionString}

${page}Data and logs (postgres.log, azurite.log) are in ${dataDir}; blobgres reset starts afresh.
The superuser is ${access.superuserUri}
Managed identity is emulated: azure_storage.account_options_managed_identity(…) opens each account of this Azurite.
Ctrl-C stops everything.
`
}
