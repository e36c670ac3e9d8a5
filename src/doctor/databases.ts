import type { Client } from 'pg'
import { connectAdmin } from '../backend/admin.ts'
import { eachDatabase } from '../backend/update-databases.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import { registeredIn } from '../extension/registered-accounts.ts'
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

const ENCODING = 'SELECT pg_catalog.getdatabaseencoding() AS encoding'
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

async function readDatabase(backend: BackendConfig, name: string): Promise<Database | undefined> {
  const admin = await connectAdmin(backend, name)
  try {
    const rows = await registeredIn(admin, ['account_name', 'auth_type', 'sealed_credentials'])
    if (rows === undefined) return undefined
    const [found] = (await admin.query<{ encoding: string }>(ENCODING)).rows
    const settings = (await admin.query<{ passphrase: string }>(PASSPHRASES)).rows
    const passphrases = ['', ...settings.map(({ passphrase }) => passphrase)]
    const accounts = rows.map(row => {
      const account = {
        ...{ database: name, name: row.account_name, authType: row.auth_type, sealed: row.sealed_credentials },
        passphrases,
      }
      return Object.defineProperty(account, 'passphrases', { value: passphrases, enumerable: false })
    })
    return { name, encoding: found?.encoding ?? '', accounts }
  } finally {
    await admin.end()
  }
}
