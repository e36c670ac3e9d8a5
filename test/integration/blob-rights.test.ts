import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const COLUMNS = `'[{"type": "text"}]'`
const UNPROVED = {
  code: '42501',
  message: `azure_storage: the caller has not proved that it may use storage account ${account.name}`,
}

describe.each(servers)(
  'who may use the blob functions, and how they reach the proxy, on PostgreSQL $version',
  server => {
    let stack: CopyStack
    let user: pg.Client
    let userRole: string
    let list: string
    beforeAll(async () => {
      stack = await startCopyStack(server)
      await stack.put('a.txt', 'x')
      userRole = await stack.createStorageUser('user')
      user = await stack.connect(userRole)
      list = `SELECT path FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
    })
    afterAll(() => stack.close())

    const request = () => `'{"container": "${stack.container.containerName}", "path": "a.txt", "decoder": "text"}'`
    /** The role's own, as a literal. */
    const callerOf = async (client: pg.Client): Promise<string> =>
      `'${(await client.query('SELECT c::text AS caller FROM azure_storage_private.caller AS c')).rows[0].caller}'`

    test('a backend that does not come through the proxy is served, in a read-only transaction too', async () => {
      const direct = new pg.Client({ connectionString: stack.database.url })
      await direct.connect()
      await direct.query('BEGIN READ ONLY')
      expect((await direct.query(list)).rows).toEqual([{ path: 'a.txt' }])
      await direct.end()
    })

    test('an account added in the same transaction counts, and is forgotten with it', async () => {
      await stack.client.query(`BEGIN; SELECT azure_storage.account_remove('${account.name}')`)
      await stack.client.query("SET LOCAL azure_storage.public_account_access = 'off'; SAVEPOINT s")
      expect(await errorOf(stack.client.query(list))).toMatchObject({
        code: '28000',
        message: 'azure_storage: missing storage credentials',
      })
      await stack.client.query('ROLLBACK TO s')
      await stack.client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      expect((await stack.client.query(list)).rows).toHaveLength(1)
      await stack.client.query('ROLLBACK')
    })

    test.each([
      ['one made up', async () => `'(10,${'0'.repeat(64)})'`],
      ['one without proof', async () => `'(10,)'`],
      ['none', async () => 'NULL'],
      ["an earlier statement's", () => callerOf(user)],
      ["another backend's", () => callerOf(stack.client)],
    ])('the private functions take no caller but the real one: %s', async (_, caller) => {
      const given = await caller()
      for (const call of [
        `list_open(${given}, '${account.name}', 'box', '')`,
        `get_open(${given}, '${account.name}', ${request()}, ${COLUMNS}, false)`,
        `put_open(${given}, '${account.name}', '{}')`,
        `copy_access(${given}, '${account.name}', 'box', false, '${'0'.repeat(32)}')`,
      ]) {
        expect(await errorOf(user.query(`SELECT azure_storage_private.${call}`)), call).toMatchObject(UNPROVED)
      }
    })

    test("nor the proof of one role as another's", async () => {
      const superuser = 10
      const caller = `ROW(${superuser}, c.proof)::azure_storage_private.caller`
      const list = `azure_storage_private.list_open(${caller}, '${account.name}', 'box', '')`
      expect(await errorOf(user.query(`SELECT ${list} FROM azure_storage_private.caller AS c`))).toMatchObject(UNPROVED)
    })

    test('a role that was taken from an account is refused at its next call, in the same statement too', async () => {
      const role = await stack.createStorageUser('revoked')
      const session = await stack.connect(role)
      const direct = new pg.Client({ connectionString: stack.database.url })
      await direct.connect()
      onTestFinished(() => direct.end())
      await session.query(`CREATE FUNCTION pg_temp.try() RETURNS text LANGUAGE plpgsql AS $$
      BEGIN PERFORM FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}'); RETURN 'listed';
      EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$`)
      const lock = 'SELECT pg_advisory_lock(4711)'
      await direct.query(lock)
      const running = session.query(`SELECT pg_temp.try() AS a, pg_advisory_lock(4711), pg_temp.try() AS b`)
      await expect
        .poll(async () => (await direct.query('SELECT FROM pg_locks WHERE objid = 4711 AND NOT granted')).rowCount)
        .toBe(1)
      await direct.query(`SELECT azure_storage.account_user_remove('${account.name}', '${role}')`)
      await direct.query('SELECT pg_advisory_unlock(4711)')
      expect((await running).rows).toMatchObject([{ a: 'listed', b: '42501' }])
    })

    test('a type name cannot smuggle in a query', async () => {
      const evil = JSON.stringify([
        { type: 'text' },
        { type: 'text), (SELECT rolpassword FROM pg_catalog.pg_authid LIMIT 1', generated: true },
      ])
      const get = `azure_storage_private.get_open(c, '${account.name}', ${request()}, '${evil}', false)`
      expect(await errorOf(user.query(`SELECT ${get} FROM azure_storage_private.caller AS c`))).toMatchObject({
        code: '42601',
      })
    })

    test('without a proxy to be reached, an error says what to do', async () => {
      const { client } = stack
      const setting = 'azure_storage.loopback_addresses'
      const here = `ALTER ROLE azure_storage_key IN DATABASE ${stack.database.name}`
      await client.query(`BEGIN; ALTER ROLE azure_storage_key RESET ${setting}; ${here} RESET ${setting}`)
      expect(await errorOf(client.query(list))).toMatchObject({
        code: '08001',
        message: 'azure_storage: no proxy can be reached from this server',
        hint: expect.stringContaining('--loopback'),
      })
      await client.query(`ROLLBACK; BEGIN; ${here} SET ${setting} = '[::1]:1'`)
      const get = list.replace('blob_list', 'blob_get').replace("')", "', 'a.txt') AS t (path text)")
      const put = list.replace('path FROM', '').replace('blob_list', 'blob_put').replace("')", "', 'a.txt', row(1))")
      for (const query of [list, get, put]) {
        await client.query('SAVEPOINT s')
        expect(await errorOf(client.query(query))).toMatchObject({
          code: '08001',
          message: 'azure_storage: the server cannot reach the proxy',
          detail: expect.stringContaining('[::1]:1'),
          hint: expect.stringContaining('--loopback'),
        })
        await client.query('ROLLBACK TO s')
      }
      await client.query('ROLLBACK')
    })

    test('a database with another key finds no proxy, and no error shows a key', async () => {
      const { client } = stack
      const { rows } = await client.query("SELECT encode(mac_key, 'hex') AS key FROM azure_storage_private.sealing_key")
      const key = (letter: string): string => `${letter.repeat(43)}=`
      await client.query(
        `BEGIN; ALTER ROLE azure_storage_key PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$${key('A')}:${key('B')}'`,
      )
      const error = await errorOf(client.query(list))
      expect(error).toMatchObject({ code: '08001', detail: expect.stringContaining('has not proved to be a proxy') })
      expect(JSON.stringify({ ...error })).not.toMatch(/password=|[0-9a-f]{64}/)
      await client.query('ROLLBACK')
      const missing = await errorOf(client.query(list.replace(stack.container.containerName, 'missing')))
      expect(JSON.stringify({ ...missing })).not.toContain(rows[0].key)
    })

    test('beside the extension dblink, connections neither mix nor stay', async () => {
      const { client } = stack
      await client.query('CREATE EXTENSION IF NOT EXISTS dblink')
      await client.query('SET blobgres.accelerate = off')
      const connections = async () => (await client.query('SELECT dblink_get_connections() AS names')).rows[0].names
      const put = `azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'a.txt', q)`
      const rows = (n: number) => `FROM (SELECT repeat('x', 1000 / (${n} - i)) AS x FROM generate_series(1, 99) i) q`
      const during = await client.query(
        `SELECT ${put}, max(dblink_get_connections()::text) AS names FROM (SELECT 'x' AS x FROM generate_series(1, 2)) q`,
      )
      expect(during.rows[0].names).toMatch(/^{azure_storage_[0-9a-f]{16}}$/)
      expect(await connections()).toBeNull()
      await errorOf(client.query(`SELECT ${put} ${rows(50)}`))
      expect(await connections()).toHaveLength(1)
      await client.query(`SELECT ${put} ${rows(100)}`)
      expect(await connections()).toBeNull()
      await client.query('DROP EXTENSION dblink')
      await client.query('RESET blobgres.accelerate')
      expect((await client.query(list)).rows).toEqual([{ path: 'a.txt' }])
    })
  },
)
