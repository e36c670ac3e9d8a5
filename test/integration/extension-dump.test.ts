import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSealed } from '../../src/credentials/sealing.ts'
import { readSealingKey } from '../../src/extension/install.ts'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { describeWith } from '../support/tools.ts'

const run = promisify(execFile)

// pg_dump refuses a server that is newer than itself, and tests can count on version 15 only.
describeWith('pg_dump').each(servers.filter(({ version }) => version === 15))(
  'pg_dump on PostgreSQL $version',
  server => {
    let database: ExtensionDatabase
    let target: ExtensionDatabase
    beforeEach(async () => {
      database = await createExtensionDatabase(server)
      target = await createExtensionDatabase(server)
      await install(database, database.admin, { action: 'create' }, true)
    })
    afterEach(async () => {
      await database.drop()
      await target.drop()
    })

    test('writes CREATE EXTENSION and the accounts, which open again after a restore', async () => {
      const [support, gone] = [await database.createRole('support'), await database.createRole('gone')]
      await database.admin.query(`SELECT azure_storage.account_add('acct', 'key');
      SELECT azure_storage.account_user_add('acct', '${support}'), azure_storage.account_user_add('acct', '${gone}')`)
      await database.admin.query(`DROP ROLE ${gone}`)

      const { stdout: dump } = await run('pg_dump', ['-d', database.url])
      const statements = dump.match(/^(CREATE|ALTER|GRANT|REVOKE|COMMENT|COPY)\b[^;(]*/gm)
      expect(statements?.map(text => text.trim())).toEqual([
        'CREATE EXTENSION IF NOT EXISTS azure_storage WITH SCHEMA public',
        "COMMENT ON EXTENSION azure_storage IS 'Azure Storage integration for PostgreSQL'",
        'COPY azure_storage.accounts',
        'COPY azure_storage_private.account_users',
      ])

      await install(target)
      const { stderr } = await psql(target.url, dump.replace(/^CREATE EXTENSION.*$/m, ''))
      expect(stderr).toBe('')
      const { rows } = await target.admin.query('SELECT azure_storage.account_list() AS account')
      expect(rows).toEqual([{ account: `(acct,access-key,blob,{${support}})` }])
      const restored = await target.admin.query('SELECT sealed_credentials AS sealed FROM azure_storage.accounts')
      expect(
        await openSealed(
          restored.rows[0].sealed,
          { account: 'acct', authType: 'access-key' },
          await readSealingKey(target.admin),
        ),
      ).toBe('key')
    })
  },
)
