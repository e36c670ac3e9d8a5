import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { PostgresServer } from './servers.ts'

/** The server's key, and what it sealed: the keys of Azurite's accounts, the second one's under a passphrase, too. */
const VERIFIER =
  'SCRAM-SHA-256$4096:Y0ea1poJCyWCd+yPum+ZQZov+ySJgVEGV8lEzNEUjpc=$h7BOWJYfmpnYU9QEagtbeT58Pku9IfWsqPsXwgzbHYs=:s+rNM0M7MbUlI1EDLJs+ei56p3ONXezfDdbGJoCFPAY='
const SEALED = {
  devacct1:
    's1:EWhwaCCskBX0MBojPomWyH6P0qhXMQGxqta86vK4KNFBtUmr+ahsphUkTTzV44d1C/tKhAgawJmD8ehcF+pK2tGpObp5UZgQ7OMMu6aq57n86M/bSFnx2I0SiVdgzC3L47DXERcu5ujFan/0roHzJwPvktc=',
  devacct2:
    'p1:nKAnKFja2SWXTUH4XE8NbuhqmeJuwExRq5kcvwv2AjWqVpAHWIH/JZcUZmOHX8hgpACWC6eVeclTdEXd9uQ79znHe+kMBUfAhgAQAfsLmHEPOCxSfcPNt9afW36Jv7ccsunjAFnn6Z+owyXEu9+Yu0hkl39Hm38+TZ8+vP2oycZcVkFR',
}
const PASSPHRASE = 'a passphrase'

/** What a proxy of the version before makes of a server. */
export const OLD_SERVER = `
  CREATE ROLE azure_storage_admin; CREATE ROLE azure_pg_admin; GRANT azure_storage_admin TO azure_pg_admin;
  CREATE ROLE azure_storage_key NOLOGIN SUPERUSER PASSWORD '${VERIFIER}'`

/** A database with the extension as the version before made it, two accounts, and a role that may use the first. */
export async function createOldDatabase(server: PostgresServer, database: string, role: string): Promise<void> {
  const connect = async (name: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: server.host, port: server.port, user: server.superuser, database: name })
    await client.connect()
    return client
  }
  const postgres = await connect('postgres')
  await postgres.query(`CREATE DATABASE ${database}`)
  await postgres.query(
    `ALTER DATABASE ${database} SET azure_storage.credential_encryption_key = '${PASSPHRASE}'; CREATE ROLE ${role} LOGIN`,
  )
  await postgres.end()
  const client = await connect(database)
  await client.query(await readFile(new URL('../fixtures/extension-1.9-v0.sql', import.meta.url), 'utf8'))
  for (const [account, sealed] of Object.entries(SEALED)) {
    await client.query("INSERT INTO azure_storage.accounts VALUES ($1, 'access-key', 'blob', $2)", [account, sealed])
  }
  await client.query(`INSERT INTO azure_storage_private.account_users VALUES ('devacct1', '${role}'::regrole)`)
  await client.end()
}
