import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const NAME = 'azure_storage.credential_encryption_key'
const PASSPHRASE = 'correct horse é'
const DENIED = { code: '42501', message: `permission denied to set parameter "${NAME}"` }

describe.each(servers)('Setting the passphrase, on PostgreSQL $version', server => {
  let stack: CopyStack
  let admin: pg.Client
  let owner: pg.Client
  beforeEach(async () => {
    stack = await startCopyStack(server)
    admin = await stack.connect(await stack.createRole('adm', 'CREATEROLE CREATEDB IN ROLE azure_pg_admin'))
    owner = await stack.connect(await stack.createRole('owner'))
    await stack.client.query(`ALTER DATABASE ${stack.database.name} OWNER TO ${admin.user}`)
  })
  afterEach(async () => {
    await adminQuery(server, `ALTER DATABASE ${stack.database.name} OWNER TO postgres`)
    await stack.close()
  })
  const forDatabase = () => `ALTER DATABASE ${stack.database.name} SET ${NAME} = '${PASSPHRASE}'`
  const addAndList = async (session: pg.Client) => {
    await session.query(`SELECT azure_storage.account_add('${account.name}', '${account.key}')`)
    await session.query(`SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`)
    const { rows } = await stack.client.query('SELECT left(sealed_credentials, 2) AS form FROM azure_storage.accounts')
    return rows[0].form
  }

  it('for the database, as its owner, with the right that azure_storage_admin has', async () => {
    await admin.query(forDatabase())
    const session = await stack.connect(admin.user)
    expect(await addAndList(session)).toBe('p1')
    await session.query(`ALTER DATABASE ${stack.database.name} RESET ${NAME}`)
    expect(
      await errorOf(
        (await stack.connect(admin.user)).query(
          `COPY (VALUES (1)) TO STDOUT; SELECT * FROM azure_storage.blob_list('${account.name}', 'box')`,
        ),
      ),
    ).toMatchObject({ message: 'azure_storage: storage credentials invalid format' })
  })

  it('for a role, and for the session', async () => {
    const role = uniqueName('importer')
    await admin.query(`CREATE ROLE ${role} LOGIN IN ROLE azure_storage_admin`)
    await admin.query({ name: 'alter', text: `ALTER ROLE ${role} SET ${NAME} TO '${PASSPHRASE}'` })
    expect(await addAndList(await stack.connect(role))).toBe('p1')
    await adminQuery(server, `DROP ROLE ${role}`)
    expect(await admin.query(`SET ${NAME} = '${PASSPHRASE}'`)).toMatchObject({ command: 'SET' })
    await admin.query(`SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`)
    await admin.query(`BEGIN; SET LOCAL ${NAME} = 'another'`)
    await expect(admin.query(`SELECT * FROM azure_storage.blob_list('${account.name}', 'box')`)).rejects.toMatchObject({
      message: 'azure_storage: storage credentials invalid format',
    })
    await admin.query('ROLLBACK')
    await admin.query('SELECT set_config($1, $2, false)', [NAME, PASSPHRASE])
    await admin.query(`SELECT set_config('${NAME}', '${PASSPHRASE}', false)`)
    await admin.query(`SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`)
  })

  it('not for everybody, even for a database of his own', async () => {
    await stack.client.query(`ALTER DATABASE ${stack.database.name} OWNER TO ${owner.user}`)
    for (const statement of [
      forDatabase(),
      `ALTER ROLE ${owner.user} SET ${NAME} = '${PASSPHRASE}'`,
      `SET ${NAME} = '${PASSPHRASE}'`,
      `SET LOCAL ${NAME} TO '${PASSPHRASE}'`,
    ]) {
      await expect(owner.query(statement)).rejects.toMatchObject(DENIED)
    }
    expect(await errorOf(stack.connect(owner.user, { options: `-c ${NAME}=x` }))).toMatchObject(DENIED)
  })

  it('nobody reads it: not in the setting, not in the catalogue, not in the statement', async () => {
    await admin.query(forDatabase())
    await admin.query(`SELECT pg_sleep(0); SET ${NAME} = '${PASSPHRASE}'`)
    const last = await stack.client.query('SELECT query FROM pg_stat_activity WHERE usename = $1', [admin.user])
    const session = await stack.connect(owner.user)
    const seen = await session.query(`SELECT current_setting('${NAME}') AS value, array_agg(setconfig::text) AS configs
      FROM pg_db_role_setting`)
    const { rows } = await session.query(`SHOW ${NAME}`)
    const all = JSON.stringify([last.rows, seen.rows, rows])
    expect(all).toContain('blobgres-passphrase:')
    expect(all).not.toContain('correct horse')
  })
})
