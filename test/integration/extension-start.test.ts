import type pg from 'pg'
import { type Logger, pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { updateDatabases } from '../../src/backend/update-databases.ts'
import { adminQuery } from '../support/database.ts'
import { createOldDatabase, OLD_SERVER } from '../support/old-extension.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { testConfig } from '../support/stack.ts'

describe.each([15, 18] as const)('What a starting proxy does to the databases of PostgreSQL %i', version => {
  let server: OwnServer
  const logged: { msg: string; database?: string }[] = []
  const log: Logger = pino({ level: 'info' }, { write: line => void logged.push(JSON.parse(line)) })
  beforeAll(async () => {
    server = await startOwnServer(version)
    await adminQuery(server, OLD_SERVER)
  })
  afterAll(() => server.stop())

  /** As so many proxies at a time; resolves to what they have logged. */
  async function start(proxies = 1): Promise<string[]> {
    const { backend } = testConfig(server)
    const admins: pg.Client[] = []
    for (let i = 0; i < proxies; i++) admins.push(await connectAdmin(backend))
    logged.length = 0
    await Promise.all(admins.map(admin => updateDatabases(admin, backend, log)))
    await Promise.all(admins.map(admin => admin.end()))
    return logged.map(({ msg, database }) => `${database}: ${msg}`).sort()
  }
  const value = async (database: string, sql: string) => (await adminQuery(server, sql, database)).rows[0]?.value
  const recorded = (database: string) =>
    value(database, "SELECT obj_description('azure_storage_private'::regnamespace) AS value")

  test('those of an older schema are brought up to date once, by one of two that start together', async () => {
    await createOldDatabase(server, 'one', 'user_one')
    await createOldDatabase(server, 'two', 'user_two')
    expect(await start(2)).toEqual(['one', 'two'].map(name => `${name}: the extension is up to date now`))
    expect(await recorded('one')).toMatch(/^blobgres schema \d+, functions [0-9a-f]{16}$/)
    expect(await recorded('two')).toBe(await recorded('one'))
  })

  test('those that are up to date stay untouched', async () => {
    const rows = () => value('one', "SELECT string_agg(ctid::text, '' ORDER BY oid) AS value FROM pg_proc")
    const before = await rows()
    expect(await start()).toEqual([])
    expect(await rows()).toBe(before)
  })

  test('one that cannot be is named in the log, and the others are', async () => {
    await createOldDatabase(server, 'bad', 'user_bad')
    await createOldDatabase(server, 'worse', 'user_worse')
    await adminQuery(
      server,
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
       CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION refuse()`,
      'bad',
    )
    await createOldDatabase(server, 'good', 'user_good')
    const failed =
      'cannot bring the extension up to date: its functions may fail until ALTER EXTENSION azure_storage UPDATE'
    const holder = await connectAdmin(testConfig(server).backend, 'worse')
    await holder.query('BEGIN; LOCK TABLE pg_extension')
    expect(await start()).toEqual([`bad: ${failed}`, 'good: the extension is up to date now', `worse: ${failed}`])
    await holder.end()
    expect([await recorded('bad'), await recorded('worse')]).toEqual([null, null])
    expect(await start()).toEqual([`bad: ${failed}`, 'worse: the extension is up to date now'])
    await adminQuery(server, 'DROP DATABASE bad WITH (FORCE)')
  })

  test('one of a newer schema is left alone', async () => {
    await adminQuery(server, "COMMENT ON SCHEMA azure_storage_private IS 'blobgres schema 999, functions 00'", 'one')
    expect(await start()).toEqual(['one: the extension is of a newer Blobgres than this one'])
    expect(await recorded('one')).toBe('blobgres schema 999, functions 00')
  })

  test("another's extension of the name is none of ours", async () => {
    await adminQuery(server, 'CREATE DATABASE foreign_one')
    await adminQuery(
      server,
      `INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
       VALUES (99999, 'azure_storage', 10, 2200, false, '1.9')`,
      'foreign_one',
    )
    await adminQuery(server, 'DROP DATABASE one')
    expect(await start()).toEqual([])
  })
})
