import { BlobServiceClient } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Blobgres, startBlobgres } from '../../src/index.ts'
import { blobsOf, query } from '../support/library.ts'

/** To give him something, one has to be able to become him. */
const OWN_BOB = 'GRANT bob TO myadmin WITH SET TRUE'

describe('a stack in memory', () => {
  let stack: Blobgres
  const run = (...statements: readonly string[]) => query(stack.connectionUri, ...statements)

  beforeAll(async () => {
    stack = await startBlobgres({ accounts: ['mystorage'], containers: ['data'], inMemory: true })
  }, 120_000)
  afterAll(() => stack.stop())

  const TESTS = Array.from({ length: 20 }, (_, i) => i)
  it.each(TESTS)('is new to each test after reset(): %i', async i => {
    const url = 'https://mystorage.blob.core.windows.net/data/numbers.csv'
    expect(await blobsOf(stack)).toEqual({ data: 'container' })
    const rows = await run(
      `CREATE TABLE numbers AS SELECT ${i} AS a`,
      `COPY numbers TO '${url}'`,
      `COPY numbers FROM '${url}'`,
      'SELECT a FROM numbers',
    )
    expect(rows).toEqual([{ a: i }, { a: i }])
    expect(await blobsOf(stack)).toEqual({ data: 'container', 'data/numbers.csv': `${i}\n` })
    await stack.reset()
  })

  it('has no databases, roles, rights and settings of before after reset()', async () => {
    await run('CREATE ROLE bob LOGIN', 'CREATE DATABASE other', 'GRANT CONNECT ON DATABASE app TO bob')
    await query(stack.superuserUri, 'CREATE TABLE mine ()', 'ALTER ROLE myadmin CREATEDB CREATEROLE PASSWORD $$x$$')
    await query(stack.superuserUri, 'GRANT pg_monitor TO myadmin', 'ALTER ROLE myadmin SET work_mem = 64')
    await run(OWN_BOB, 'CREATE SCHEMA bobs AUTHORIZATION bob', 'ALTER DATABASE app SET work_mem = 65')
    await stack.reset()
    const facts = `SELECT pg_has_role('myadmin', 'pg_monitor', 'MEMBER') AS monitor,
      (SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'myadmin') AS password,
      ARRAY(SELECT setconfig::text FROM pg_db_role_setting
        WHERE setconfig::text LIKE '%work_mem%' AND setdatabase IN (0, d.oid)) AS settings,
      datacl::text AS rights,
      ARRAY(SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY 1) AS databases,
      to_regrole('bob') AS bob, to_regclass('mine') AS mine, pg_get_userbyid(datdba) AS owner
      FROM pg_database AS d WHERE datname = 'app'`
    const nothing = { monitor: false, password: false, settings: [], rights: null, bob: null, mine: null }
    const databases = ['app', 'blobgres_stack', 'postgres', 'template1']
    expect(await query(stack.superuserUri, facts)).toEqual([{ ...nothing, databases, owner: 'myadmin' }])
    await run('CREATE ROLE bob')
    await stack.reset()
  })

  it('has what a snapshot had: databases with rights and settings, roles, accounts, blobs with all that belongs to them', async () => {
    const service = BlobServiceClient.fromConnectionString(stack.storageConnectionString)
    const blob = service.getContainerClient('data').getBlockBlobClient('a.csv')
    await blob.upload('1\n', 2, { metadata: { a: 'b' }, blobHTTPHeaders: { blobContentType: 'text/csv' } })
    const { etag } = await blob.getProperties()
    await run(
      'CREATE ROLE bob LOGIN CONNECTION LIMIT 3',
      `COMMENT ON ROLE bob IS 'builder'`,
      'CREATE DATABASE other',
      'REVOKE CONNECT ON DATABASE other FROM PUBLIC',
      'GRANT CONNECT ON DATABASE other TO bob',
      'ALTER DATABASE other SET work_mem = 65',
      `ALTER ROLE bob IN DATABASE other SET search_path = 'a b', c`,
      `COMMENT ON DATABASE other IS 'another'`,
      OWN_BOB,
      'CREATE SCHEMA bobs AUTHORIZATION bob',
      `SELECT azure_storage.account_remove('pgquickstart')`,
    )
    await stack.snapshot()
    await blob.upload('2\n', 2)
    await service.getContainerClient('more').create()
    await run(
      'ALTER ROLE bob CONNECTION LIMIT 4',
      'DROP DATABASE other',
      'DROP SCHEMA bobs',
      `SELECT azure_storage.account_remove('mystorage')`,
      'CREATE ROLE eve',
    )
    // What the snapshot's databases refer to cannot go.
    await expect(run('DROP ROLE bob')).rejects.toThrow(/some objects depend on it/)
    await stack.restoreSnapshot()

    expect(await blobsOf(stack)).toEqual({ data: 'container', 'data/a.csv': '1\n' })
    expect(await blob.getProperties({ conditions: { ifMatch: etag ?? '' } })).toMatchObject({
      metadata: { a: 'b' },
      contentType: 'text/csv',
    })
    const facts = `SELECT rolconnlimit, shobj_description(r.oid, 'pg_authid') AS role, to_regrole('eve') AS eve,
      datacl::text, shobj_description(d.oid, 'pg_database') AS database,
      (SELECT array_agg(setconfig::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid) AS settings,
      (SELECT nspowner = r.oid FROM pg_namespace WHERE nspname = 'bobs') AS bobs
      FROM pg_roles AS r, pg_database AS d WHERE rolname = 'bob' AND datname = 'other'`
    expect(await run(facts)).toEqual([
      {
        rolconnlimit: 3,
        role: 'builder',
        eve: null,
        datacl: '{=T/myadmin,myadmin=CTc/myadmin,bob=c/myadmin}',
        database: 'another',
        settings: ['{work_mem=65}', `{"search_path=\\"a b\\", c"}`],
        bobs: true,
      },
    ])
    const accounts = await run('SELECT account_name FROM azure_storage.account_list()')
    expect(accounts).toEqual([{ account_name: 'devstoreaccount1' }, { account_name: 'mystorage' }])
    // Its credential still opens.
    expect(await run(`SELECT * FROM azure_storage.blob_get('mystorage', 'data', 'a.csv') AS t(a int)`)).toEqual([
      { a: 1 },
    ])
    await run('DROP SCHEMA bobs', 'DROP DATABASE other')
    await stack.reset()
    expect(await run(`SELECT to_regrole('bob') AS bob`)).toEqual([{ bob: null }])
  })

  it('ends the sessions there were, and a pool goes on with new ones', async () => {
    const pool = new pg.Pool({ connectionString: stack.connectionUri, max: 2 })
    const ended = new Promise(resolve => pool.on('error', resolve))
    await pool.query('CREATE TABLE once AS SELECT 1')
    await stack.reset()
    expect(await ended).toMatchObject({ code: '57P01' })
    for (let i = 0; i < 5; i++) {
      expect((await pool.query(`SELECT to_regclass('once') AS once`)).rows).toEqual([{ once: null }])
      await stack.reset()
      await new Promise(setImmediate)
    }
    await pool.end()
  })

  it('takes no database for its own because of how its name begins', async () => {
    await query(stack.superuserUri, 'CREATE DATABASE blobgres_old_bills')
    await stack.snapshot()
    await query(stack.superuserUri, 'DROP DATABASE blobgres_old_bills')
    await stack.reset()
  })

  it('goes back also where its database has become a template', async () => {
    await query(stack.superuserUri, 'ALTER DATABASE app IS_TEMPLATE true')
    await stack.reset()
    const facts = `SELECT datistemplate FROM pg_database WHERE datname = 'app'`
    expect(await run(facts)).toEqual([{ datistemplate: false }])
  })

  it('has an admin database', async () => {
    const [{ version }] = (await query(stack.superuserUri.replace(/postgres$/, 'blobgres'), 'SHOW VERSION')) as [
      { version: string },
    ]
    expect(version).toMatch(/^Blobgres \d/)
  })

  it('takes names alone that a file could have', async () => {
    await expect(stack.snapshot('../a')).rejects.toThrow(/is not a name of letters/)
    await expect(stack.snapshot('initial')).rejects.toThrow(/other than "initial"/)
  })
})
