import type { Client } from 'pg'
import { connectAdmin } from '../backend/admin.ts'
import { eachDatabase } from '../backend/update-databases.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { ENCRYPTION_KEY } from '../sql/settings.ts'
import { wordsOf } from './finding.ts'

export interface RegisteredAccount {
  readonly database: string
  readonly name: string
  readonly authType: 'access-key' | 'managed-identity'
  /** Null for a managed identity. */
  readonly sealed: string | null
  /** Those that are set for roles and databases here. Not enumerable: they may be clear. */
  readonly passphrases: readonly string[]
}

/** One that has the extension, or that could not be looked at. */
export interface Database {
  readonly name: string
  readonly encoding: string
  readonly accounts: readonly RegisteredAccount[]
  readonly wrong?: string
}

/** A table takes nothing from anybody that its readers would run; a view that takes its place is not to be read. */
const NO_VIEWS = `
SELECT pg_catalog.set_config('restrict_nonsystem_relation_kind', 'view,foreign-table', false)
WHERE pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL`
/** Where the extension's own table is. */
const ENCODING = `
SELECT pg_catalog.getdatabaseencoding() AS encoding
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) c.oid
  AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND d.deptype OPERATOR(pg_catalog.=) 'e'
JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
WHERE e.extname OPERATOR(pg_catalog.=) 'azure_storage' AND n.nspname OPERATOR(pg_catalog.=) 'azure_storage'
  AND c.relname OPERATOR(pg_catalog.=) 'accounts' AND c.relkind OPERATOR(pg_catalog.=) 'r'`
const ACCOUNTS = 'SELECT account_name, auth_type, sealed_credentials FROM azure_storage.accounts'
const PASSPHRASES = `
SELECT pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') OPERATOR(pg_catalog.+) 1) AS passphrase
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase,
  pg_catalog.unnest(s.setconfig) AS setting
WHERE (s.setdatabase OPERATOR(pg_catalog.=) 0 OR d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
  AND pg_catalog.lower(pg_catalog.split_part(setting, '=', 1)) OPERATOR(pg_catalog.=) '${ENCRYPTION_KEY}'`

/** The databases of the server that have the extension, by name. */
export async function databasesWithExtension(admin: Client, backend: BackendConfig): Promise<Database[]> {
  const found: Database[] = []
  await eachDatabase(admin, async name => {
    try {
      const database = await readDatabase(backend, name)
      if (database !== undefined) found.push(database)
    } catch (error) {
      found.push({ name, encoding: '', accounts: [], wrong: wordsOf(error) })
    }
  })
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface AccountRow {
  readonly account_name: string
  readonly auth_type: RegisteredAccount['authType']
  readonly sealed_credentials: string | null
}

async function readDatabase(backend: BackendConfig, name: string): Promise<Database | undefined> {
  const admin = await connectAdmin(backend, name)
  try {
    await admin.query(NO_VIEWS)
    const [found] = (await admin.query<{ encoding: string }>(ENCODING)).rows
    if (found === undefined) return undefined
    const settings = (await admin.query<{ passphrase: string }>(PASSPHRASES)).rows
    const passphrases = ['', ...settings.map(({ passphrase }) => passphrase)]
    const { rows } = await admin.query<AccountRow>(ACCOUNTS)
    const accounts = rows.map(row => {
      const account = {
        database: name,
        name: row.account_name,
        authType: row.auth_type,
        sealed: row.sealed_credentials,
      } as RegisteredAccount
      return Object.defineProperty(account, 'passphrases', { value: passphrases, enumerable: false })
    })
    return { name, encoding: found.encoding, accounts }
  } finally {
    await admin.end()
  }
}
