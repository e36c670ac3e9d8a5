import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const COLUMNS = `'[{"type": "text"}]'`
const UNPROVED = {
  code: '42501',
  message: `azure_storage: the caller has not proved that it may use storage account ${account.name}`,
}

describe.each(servers)('who may use the blob functions on PostgreSQL $version', server => {
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
  const ticketOf = async (client: pg.Client): Promise<string> =>
    (await client.query('SELECT azure_storage_private.ticket($1, $2)::text AS ticket', [account.name, 'box'])).rows[0]
      .ticket

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
    ['a made-up ticket', async () => `'{"auth_type": "access-key", "sealed": "v1:x", "mac": "00"}'`],
    ['an empty one', async () => `'{}'`],
    ['none, for a registered account', async () => 'NULL'],
    ["an earlier statement's", async () => `'${await ticketOf(user)}'`],
    ["another backend's", async () => `'${await ticketOf(stack.client)}'`],
  ])('the private functions refuse %s', async (_, ticket) => {
    const given = await ticket()
    for (const call of [
      `list_open('${account.name}', 'box', '', ${given})`,
      `get_open('${account.name}', ${given}, ${request()}, ${COLUMNS}, false)`,
      `put_open('${account.name}', ${given}, '{}')`,
    ]) {
      expect(await errorOf(user.query(`SELECT azure_storage_private.${call}`)), call).toMatchObject(UNPROVED)
    }
  })

  test('a ticket is for one account', async () => {
    const other = `azure_storage_private.ticket('${account.name}', 'box')`
    await stack.client.query("SELECT azure_storage.account_add('other', 'a2V5')")
    expect(
      await errorOf(user.query(`SELECT azure_storage_private.list_open('other', 'box', '', ${other})`)),
    ).toMatchObject({ code: '42501' })
    await stack.client.query("SELECT azure_storage.account_remove('other')")
  })

  test('a type name cannot smuggle in a query', async () => {
    const evil = JSON.stringify([
      { type: 'text' },
      { type: 'text), (SELECT rolpassword FROM pg_catalog.pg_authid LIMIT 1', generated: true },
    ])
    const ticket = `azure_storage_private.ticket('${account.name}', 'box')`
    expect(
      await errorOf(
        user.query(
          `SELECT azure_storage_private.get_open('${account.name}', ${ticket}, ${request()}, '${evil}', false)`,
        ),
      ),
    ).toMatchObject({ code: '42601' })
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

  test('the proxy refuses who does not know the secret, and no error shows it', async () => {
    const { client } = stack
    const { rows } = await client.query('SELECT azure_storage_private.loopback_connection() AS secret')
    const secret = /password=(\S+)/.exec(rows[0].secret)?.[1] as string
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    const key = (letter: string): string => `${letter.repeat(43)}=`
    await client.query(
      `BEGIN; ALTER ROLE azure_storage_key PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$${key('A')}:${key('B')}'`,
    )
    const error = await errorOf(client.query(list))
    expect(error).toMatchObject({ code: '08001', detail: expect.stringContaining('password authentication failed') })
    expect(JSON.stringify({ ...error })).not.toMatch(/password=|[0-9a-f]{64}/)
    await client.query('ROLLBACK')
    const missing = await errorOf(client.query(list.replace(stack.container.containerName, 'missing')))
    expect(JSON.stringify({ ...missing })).not.toContain(secret)
  })

  test('beside the extension dblink, connections neither mix nor stay', async () => {
    const { client } = stack
    await client.query('CREATE EXTENSION IF NOT EXISTS dblink')
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
    expect((await client.query(list)).rows).toEqual([{ path: 'a.txt' }])
  })

  test('a role that speaks over the connection of its own blob_put gets no more than with its tickets', async () => {
    const call = { pid: 1, statement: '1', timeout_ms: 0, database: 'd', block_size_mb: 1 }
    const grant = { auth_type: 'managed-identity', sealed: null, mac: '00'.repeat(32) }
    const forged = JSON.stringify({ call, grant, account: 'other', container: 'box', prefix: '' })
    await stack.client.query(`
      CREATE EXTENSION dblink;
      CREATE FUNCTION speak(request text) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM FROM dblink((dblink_get_connections())[1], request) AS t (path text);
        RETURN 'answered';
      EXCEPTION WHEN OTHERS THEN RETURN SQLERRM;
      END $$`)
    const { rows } = await user.query(
      `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'mine.txt', q),
        max(speak($1)) AS told
       FROM (SELECT 'x' AS x) q`,
      [`LIST ${forged}`],
    )
    await stack.client.query('DROP EXTENSION dblink CASCADE')
    expect(rows[0].told).toMatch(/has not proved that it may use storage account other/)
  })
})
