import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('copy_settle on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterEach(() => database.drop())

  test('waits until the proxy lets go, whatever lock_timeout says, and keeps nothing', async () => {
    const session = await database.connectAs(await database.createRole('app'))
    await database.admin.query('SELECT pg_advisory_lock(42)')
    await session.query("SET lock_timeout = '1ms'; BEGIN READ ONLY")
    let settled = false
    const waiting = session.query('SELECT azure_storage_private.copy_settle(42)').then(() => {
      settled = true
    })
    const blocked = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = $1"
    const { oid } = (await database.admin.query('SELECT oid FROM pg_database WHERE datname = current_database()'))
      .rows[0]
    await expect.poll(async () => (await database.admin.query(blocked, [oid])).rowCount).toBe(1)
    await database.admin.query('SELECT pg_sleep(0.05)')
    expect(settled).toBe(false)
    await database.admin.query('SELECT pg_advisory_lock(43), pg_advisory_unlock(42)')
    await waiting
    await database.admin.query('SELECT pg_advisory_unlock(43)')
    const held = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = $1"
    expect((await database.admin.query(held, [oid])).rowCount).toBe(0)
    await session.query('COMMIT')
  })

  test('fails when the lock ends without the proxy having confirmed', async () => {
    const session = await database.connectAs(await database.createRole('app'))
    await expect(session.query('SELECT azure_storage_private.copy_settle(42)')).rejects.toMatchObject({ code: '08006' })
  })

  test('statement_timeout ends the wait', async () => {
    const session = await database.connectAs(await database.createRole('app'))
    await database.admin.query('SELECT pg_advisory_lock(42)')
    await session.query("SET statement_timeout = '50ms'")
    await expect(session.query('SELECT azure_storage_private.copy_settle(42)')).rejects.toMatchObject({ code: '57014' })
  })
})
