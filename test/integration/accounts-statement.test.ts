import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { message, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const ADD = 'azure_storage.account_add'
const { name, key } = account
const CONFIG = JSON.stringify({ name, credentials: key })

describe.each(servers)('credentials in statements on PostgreSQL $version', server => {
  let stack: CopyStack
  let session: pg.Client
  let pid: number
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('a.txt', 'x')
  })
  afterAll(() => stack.close())
  beforeEach(async () => {
    session = await stack.connect()
    pid = (await session.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
    return () => session.end()
  })

  /** What others see of the session's last statement. */
  const seen = async (): Promise<string> =>
    (await adminQuery(server, `SELECT query FROM pg_stat_activity WHERE pid = ${pid}`)).rows[0].query
  const expectUsable = async (): Promise<void> => {
    const list = `SELECT path FROM azure_storage.blob_list('${name}', '${stack.container.containerName}')`
    expect((await stack.client.query(list)).rows).toEqual([{ path: 'a.txt' }])
    await stack.client.query(`SELECT azure_storage.account_remove('${name}')`)
  }

  test.each([
    `SELECT ${ADD}('${name}', '${key}')`,
    `SELECT ${ADD}(account_key_p => '${key}', account_name_p => '${name}')`,
    `SELECT ${ADD}('${CONFIG}')`,
    `SELECT ${ADD}(azure_storage.account_options_credentials('${name}', '${key}', 'blob'))`,
    `SELECT ${ADD}(jsonb_build_object('name', '${name}', 'credentials', '${key}'))`,
    `SELECT ${ADD}(lower('${name}'), '${key}')`,
    `BEGIN; SELECT 'é', ${ADD}('${name}', '${key}'); COMMIT`,
    `PREPARE p AS SELECT ${ADD}('${name}', '${key}'); EXECUTE p`,
    `CREATE TEMP VIEW v AS SELECT 1 FROM ${ADD}('${name}', '${key}'); SELECT * FROM v`,
  ])('%s', async sql => {
    await session.query(sql)
    expect(await seen()).toContain('blobgres-sealed:')
    expect(await seen()).not.toContain(key)
    await expectUsable()
  })

  test.each([
    ['text', `SELECT ${ADD}($1, $2)`, [name, key]],
    ['a literal and text', `SELECT ${ADD}('${name}', $1)`, [key]],
    ['jsonb', `SELECT ${ADD}($1)`, [CONFIG]],
    ['json', `SELECT ${ADD}($1::json::jsonb)`, [CONFIG]],
    ['a helper', `SELECT ${ADD}(azure_storage.account_options_credentials($1, $2, 'blob'))`, [name, key]],
    ['bytes', `SELECT ${ADD}($1, $2)`, [Buffer.from(name), Buffer.from(key)]],
    ['jsonb in binary', `SELECT ${ADD}($1)`, [Buffer.from(`\x01${CONFIG}`)]],
    ['one for two accounts', `SELECT ${ADD}($1, $2), ${ADD}('other', $2)`, [name, key]],
  ])('as parameters: %s', async (_, text, values) => {
    await session.query({ name: 'add', text, values })
    await session.query({ name: 'add', text, values })
    await expectUsable()
  })

  test('the reply is what it is without the proxy', async () => {
    const [client, direct] = [await WireClient.connect(stack.url()), await WireClient.connect(stack.database.url)]
    const bad = (form: Buffer) => Buffer.concat([form, wire.bind([]), wire.execute(), wire.sync])
    for (const bytes of [
      wire.query(`SELECT 1 AS a; SELECT ${ADD}('acct', '${key}'), 2 AS b; SELECT 3`),
      wire.query(`BEGIN; SELECT ${ADD}('acct', '${key}'); SELECT 1/0`),
      wire.query(`SELECT ${ADD}('acct', '${key}')`),
      wire.query('ROLLBACK'),
      wire.query(`SELECT ${ADD}('acct', '${key}'), nope, 'ö'`),
      wire.query(`SELECT ${ADD}('acct', '${key}', 'x')`),
      wire.query(`SELECT azure_storage.account_options_credentials('acct', '${key}', 'blob')`),
      bad(wire.parse(`SELECT ${ADD}('acct', '${key}')`)),
      bad(wire.parse(`SELECT ${ADD}('acct', '${key}') FROM nowhere`)),
      bad(wire.parse(`SELECT 'ö'; SELECT ${ADD}('acct', '${key}'); SELECT 1`)),
      bad(wire.parse(`SELECT 'ö'; SELECT ${ADD}('acct', '${key}'); SELEC 1`)),
      bad(wire.parse(`SELECT 1; COPY t FROM 'https://acct.blob.core.windows.net/box/a.csv?sig=${key}'`)),
      Buffer.concat([wire.parse(`SELECT ${ADD}($1, $2)`, 's'), wire.describeStatement('s'), wire.sync]),
      Buffer.concat([wire.bind(['acct', null], { statement: 's' }), wire.execute(), wire.sync]),
      Buffer.concat([
        wire.bind(['acct', 'k'], { statement: 's' }),
        wire.describePortal(),
        wire.execute('', 1),
        wire.sync,
      ]),
      Buffer.concat([wire.bind(['acct'], { statement: 's' }), wire.execute(), wire.sync]),
      Buffer.concat([message('B'.charCodeAt(0), Buffer.from('\0s\0\0\0\0\x02\0\0\0\x04acct\0\0\0\x09')), wire.sync]),
      Buffer.concat([wire.closeStatement('s'), wire.sync]),
    ]) {
      const replies = await Promise.all(
        [client, direct].map(each => {
          each.send(bytes)
          return each.until('Z')
        }),
      )
      expect(replies[0]).toEqual(replies[1])
      expect(replies[0]?.length).toBeGreaterThan(1)
    }
    await client.close()
    await direct.close()
  })

  test('without its schema the function is the one that the search path finds', async () => {
    await session.query(`CREATE FUNCTION account_add(text, text) RETURNS text LANGUAGE sql AS 'SELECT $2'`)
    const mine = async () => (await session.query(`SELECT account_add('x', '${key}') AS a`)).rows[0].a
    expect(await mine()).toBe(key)
    expect((await session.query('SELECT account_add($1, $2) AS a', ['x', key])).rows).toEqual([{ a: key }])
    await session.query('SET search_path = azure_storage, pg_catalog')
    await session.query(`SELECT account_add('${name}', '${key}')`)
    expect(await seen()).toContain('blobgres-sealed:')
    await session.query('BEGIN')
    await errorOf(session.query('SELECT 1/0'))
    expect(await errorOf(session.query(`SELECT account_add('x', '${key}')`))).toMatchObject({ code: '25P02' })
    expect(await seen()).not.toContain(key)
    await session.query('ROLLBACK; RESET search_path; DROP FUNCTION account_add')
    await expectUsable()
  })

  test('what a log shows is good for its session and its account only', async () => {
    const shown = async (sql: string) => {
      await session.query(sql)
      return /blobgres-sealed:[\w-]+/.exec(await seen())?.[0]
    }
    const invalid = {
      message: 'azure_storage: storage credentials invalid format',
      code: '22023',
      hint: expect.stringContaining('Give the credential itself'),
    }
    const ofAccount = await shown(`SELECT ${ADD}('${name}', '${key}')`)
    const ofSession = await shown(`SELECT ${ADD}(lower('${name}'), '${key}')`)
    const direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()
    for (const token of [ofAccount, ofSession]) {
      for (const other of [stack.client, direct]) {
        expect(await errorOf(other.query(`SELECT ${ADD}('${name}', '${token}')`))).toMatchObject(invalid)
      }
    }
    await direct.end()
    expect(await errorOf(session.query(`SELECT ${ADD}('evil', '${ofAccount}')`))).toMatchObject(invalid)
    await session.query(`SELECT ${ADD}('${name}', '${ofAccount}')`)
    await expectUsable()
  })

  test('no proxy that answers is an error that says so', async () => {
    const direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()
    const setting = `ALTER ROLE azure_storage_key IN DATABASE ${stack.database.name} SET azure_storage.loopback_addresses`
    const { port } = stack.proxy.address
    await direct.query(`${setting} = '127.0.0.1:1'`)
    expect(await errorOf(direct.query(`SELECT ${ADD}('acct', '${key}')`))).toMatchObject({
      code: '08001',
      message: 'azure_storage: the server cannot reach the proxy',
    })
    await direct.query(`${setting} = '127.0.0.1:${port}'`)
    await direct.end()
  })
})
