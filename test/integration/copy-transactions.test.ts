import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { azurite, servers } from '../support/servers.ts'

describe.each(servers)('COPY with URLs and transactions on PostgreSQL $version', server => {
  let stack: CopyStack
  let url: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    url = await stack.put('two.csv', '1\n2\n')
    await stack.client.query('CREATE TABLE t (a int)')
  })
  beforeEach(() => stack.client.query('TRUNCATE t'))
  afterAll(() => stack.close())
  const count = async () => Number((await stack.client.query('SELECT count(*) FROM t')).rows[0].count)

  it('a rollback takes the rows away', async () => {
    await stack.client.query('BEGIN')
    await stack.client.query(`COPY t FROM '${url}'`)
    expect(await count()).toBe(2)
    await stack.client.query('ROLLBACK')
    expect(await count()).toBe(0)
  })

  it('a savepoint is gone back to after an error', async () => {
    const { client } = stack
    await client.query('BEGIN')
    await client.query(`COPY t FROM '${url}'`)
    await client.query('SAVEPOINT s')
    const error = await errorOf(client.query(`COPY t FROM '${stack.blobUrl('absent.csv')}'`))
    expect(error).toMatchObject({ code: '58P01' })
    expect(await errorOf(client.query(`COPY t FROM '${url}'`))).toMatchObject({ code: '25P02' })
    expect(await errorOf(client.query(`COPY t TO '${stack.blobUrl('never.csv')}'`))).toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK TO s')
    await client.query(`COPY t FROM '${url}'`)
    await client.query('COMMIT')
    expect(await count()).toBe(4)
    expect(await stack.exists('never.csv')).toBe(false)
  })

  it('several statements in one string are one transaction', async () => {
    const { client } = stack
    const results = (await client.query(
      `INSERT INTO t VALUES (0); COPY t FROM '${url}'; COPY t TO '${stack.blobUrl('all.csv')}'; SELECT count(*) FROM t`,
    )) as unknown as { command: string; rowCount: number }[]
    expect(results.map(({ command, rowCount }) => `${command} ${rowCount}`)).toEqual([
      'INSERT 1',
      'COPY 2',
      'COPY 3',
      'SELECT 1',
    ])
    expect(await stack.get('all.csv')).toBe('0\n1\n2\n')
    await client.query('TRUNCATE t')
    const error = await errorOf(client.query(`COPY t FROM '${url}'; COPY t FROM '${url}'; SELECT 1/0`))
    expect(error).toMatchObject({ code: '22012' })
    expect(await count()).toBe(0)
  })

  it('an export is written although the transaction rolls back later', async () => {
    await stack.client.query('INSERT INTO t VALUES (5)')
    await stack.client.query(`BEGIN; COPY t TO '${stack.blobUrl('kept.csv')}'; ROLLBACK`)
    expect(await stack.get('kept.csv')).toBe('5\n')
  })

  it('BEGIN and COMMIT in the string itself', async () => {
    await stack.client.query(`BEGIN; COPY t FROM '${url}'; COMMIT; BEGIN; COPY t FROM '${url}'; ROLLBACK`)
    expect(await count()).toBe(2)
  })

  it('psql -1, with an account that is added in the same transaction', async () => {
    const { stderr, status } = await psql(stack.url(), [
      '-1',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      `SELECT azure_storage.account_remove('${account.name}')`,
      '-c',
      `SELECT azure_storage.account_add('${account.name}', '${account.key}')`,
      '-c',
      `COPY t FROM '${url}'`,
    ])
    expect([stderr, status]).toEqual(['', 0])
    expect(await count()).toBe(2)
  })

  it('an account added in the same string', async () => {
    const second = azurite.accounts[1] as typeof account
    const absent = url.replace(account.name, second.name)
    const sql = `SELECT azure_storage.account_add('${second.name}', '${second.key}'); COPY t FROM '${absent}'`
    expect(await errorOf(stack.client.query(sql))).toMatchObject({
      message: 'azure_storage: container with the given name does not exist',
    })
    expect((await stack.client.query('SELECT * FROM azure_storage.account_list()')).rows).toHaveLength(1)
  })

  it('a read-only transaction exports, and does not import', async () => {
    const { client } = stack
    await client.query('BEGIN READ ONLY')
    await client.query(`COPY t TO '${stack.blobUrl('readonly.csv')}'`)
    expect(await errorOf(client.query(`COPY t FROM '${url}'`))).toMatchObject({
      code: '25006',
      message: 'cannot execute COPY FROM in a read-only transaction',
    })
    await client.query('ROLLBACK')
    expect(await stack.get('readonly.csv')).toBe('')
  })

  it('the extended protocol: unnamed, and prepared once and run again', async () => {
    const { client } = stack
    const out = stack.blobUrl('prepared.csv')
    await client.query({ text: `COPY t FROM '${url}'`, queryMode: 'extended' } as never)
    for (const rows of [4, 6]) {
      expect((await client.query({ name: 'in', text: `COPY t FROM '${url}'` })).rowCount).toBe(2)
      expect((await client.query({ name: 'out', text: `COPY t TO '${out}'` })).rowCount).toBe(rows)
    }
    expect(await stack.get('prepared.csv')).toBe('1\n2\n1\n2\n1\n2\n')
    await client.query('BEGIN')
    expect(
      await errorOf(client.query({ name: 'bad', text: `COPY t FROM '${stack.blobUrl('no.csv')}'` })),
    ).toMatchObject({ code: '58P01' })
    expect(await errorOf(client.query('SELECT 1'))).toMatchObject({ code: '25P02' })
    await client.query('ROLLBACK')
    expect(await count()).toBe(6)
  })

  it('postgres.js, which pipelines', async () => {
    const sql = postgres(stack.url(), { max: 1, onnotice: () => {} })
    try {
      const [, written, [row]] = await Promise.all([
        sql.unsafe(`COPY t FROM '${url}'`),
        sql.unsafe(`COPY t TO '${stack.blobUrl('pipelined.csv')}'`),
        sql`SELECT count(*)::int AS n FROM t`,
      ])
      expect(written.count).toBe(2)
      expect(row?.n).toBe(2)
      const failing = sql.begin(async tx => {
        await tx.unsafe(`COPY t FROM '${url}'`)
        await tx`SELECT 1/0`
      })
      await expect(failing).rejects.toMatchObject({ code: '22012' })
    } finally {
      await sql.end()
    }
    expect(await count()).toBe(2)
    expect(await stack.get('pipelined.csv')).toBe('1\n2\n')
  })
})
