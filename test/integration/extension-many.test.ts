import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { createInstaller, prepareServer, readSealingKey } from '../../src/extension/install.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('many proxies and databases on PostgreSQL $version', server => {
  const databases: (TestDatabase | ExtensionDatabase)[] = []
  afterEach(async () => {
    for (const database of databases.splice(0)) await database.drop()
  })

  test('the extension is created in six databases at once', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => createExtensionDatabase(server)))
    databases.push(...all)
    await Promise.all(all.map(database => install(database)))
    for (const { admin } of all) {
      expect((await admin.query("SELECT FROM pg_extension WHERE extname = 'azure_storage'")).rowCount).toBe(1)
    }
  })

  test('two sessions create it at once: one succeeds, the other finds it there', async () => {
    const database = await createExtensionDatabase(server)
    databases.push(database)
    const sessions = await Promise.all([database.connectAs('postgres'), database.connectAs('postgres')])
    const results = await Promise.allSettled(sessions.map(session => install({ admin: session }, session)))
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: '42710' } })
  })

  test('all proxies of a server agree on its key', async () => {
    const database = await createDatabase(server)
    databases.push(database)
    const keys = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const admin = new pg.Client({ connectionString: database.url })
        await admin.connect()
        await prepareServer(admin)
        const key = await readSealingKey(admin)
        await admin.end()
        return key
      }),
    )
    for (const key of keys) expect(key).toEqual(keys[0])
    expect(keys[0]?.encKey).toHaveLength(32)
    expect(keys[0]?.macKey).toHaveLength(32)
    expect(keys[0]?.encKey).not.toEqual(keys[0]?.macKey)
  })

  test('an installer that a crashed proxy left is removed, a young one is not', async () => {
    const database = await createExtensionDatabase(server)
    databases.push(database)
    const { admin } = database
    const young = await createInstaller(admin)
    const old = `pg_catalog.blobgres_installer_${Math.floor(Date.now() / 1000) - 600}_0a`
    await admin.query(`CREATE FUNCTION ${old}() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
    const next = await createInstaller(admin)
    const { rows } = await admin.query("SELECT proname FROM pg_proc WHERE proname LIKE 'blobgres%' ORDER BY 1")
    expect(rows.map(row => `pg_catalog.${row.proname}`)).toEqual([young.qualifiedName, next.qualifiedName].sort())
    await young.drop(admin)
    await next.drop(admin)
    expect((await admin.query("SELECT FROM pg_proc WHERE proname LIKE 'blobgres%'")).rowCount).toBe(0)
  })
})
