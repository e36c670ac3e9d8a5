import { type Address, reachableHost } from '../config/values.ts'
import { ADMIN, SUPERUSER } from './set-up.ts'

export interface BannerFacts {
  readonly listen: Address
  readonly azurite: Address
  readonly account: string
  readonly dataDir: string
  readonly strictAzure?: boolean
}

/** What a started dev stack prints: where everything is, and statements to paste, as often as one likes. */
export function banner({ listen, azurite, account, dataDir, strictAzure }: BannerFacts): string {
  const host = reachableHost(listen.host)
  const samples = `https://${account}.blob.core.windows.net/samples`
  const url = ({ user, database }: typeof ADMIN | typeof SUPERUSER) =>
    `postgres://${user}@${host}:${listen.port}/${database}`
  const strict = strictAzure ? ' It creates the extensions that azure.extensions lists.' : ''
  return `Blobgres listens on ${listen.host}:${listen.port}, Azurite on ${azurite.host}:${azurite.port}; data in ${dataDir}

  ${url(ADMIN)}
is an admin as on Azure: no superuser, but a member of azure_pg_admin, and the owner of its database.${strict}

Connect with
  psql -h ${host} -p ${listen.port} -U ${ADMIN.user} ${ADMIN.database}
and paste
  CREATE TABLE IF NOT EXISTS sample (id bigint, sample_text text, sample_integer integer, sample_timestamp timestamp); TRUNCATE sample;
  COPY sample FROM '${samples}/storage_extension_sample.csv' WITH (FORMAT csv, HEADER);
  COPY sample TO '${samples}/my_copy.csv.gz' WITH (HEADER);

The superuser is ${url(SUPERUSER)}
Managed identity is emulated: azure_storage.account_options_managed_identity(…) opens each account of this Azurite.
Ctrl-C stops everything.
`
}
