import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeCommitLock } from '../../src/backend/admin.ts'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('A lock that an export waits for, on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterEach(() => database.drop())

  it('is lost before it is confirmed: the backend says so, and nothing else fails', async () => {
    const holder = new pg.Client({ connectionString: database.url })
    holder.on('error', () => {})
    await holder.connect()
    const { pid } = (await holder.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const lock = await takeCommitLock(holder, 42n)
    const session = await database.connectAs(await database.createRole('app'))
    const settled = expect(session.query('SELECT azure_storage_private.copy_settle(42)')).rejects.toMatchObject({
      code: '08006',
    })
    await database.admin.query('SELECT pg_terminate_backend($1, 5000)', [pid])
    await lock.confirm()
    await settled
    await holder.end()
  })
})
