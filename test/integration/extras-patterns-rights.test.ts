import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account, containerSas } from '../support/blobs.ts'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { startStalledStack } from '../support/stalled-storage.ts'

const newest = servers.at(-1) as (typeof servers)[number]
const EXTRAS = 'SET blobgres.extras = on'

describe.each(servers)('the right to read what a pattern stands for, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('r/1.csv', '1\n')
    await stack.put('r/2.csv', '2\n')
    await stack.client.query('CREATE TABLE t (a int); GRANT ALL ON t TO public')
  })
  afterAll(() => stack.close())

  const sas = (permissions: string) => containerSas(stack.container, permissions)
  const ways = (copy: string) => [copy, inside(copy)]

  it('a shared access signature must have permission to list', async () => {
    const session = await stack.connect(await stack.createRole('anybody'))
    await session.query(EXTRAS)
    const url = stack.blobUrl('r/*.csv')
    for (const copy of ways(`COPY t FROM '${url}?${sas('r')}'`)) {
      expect(await errorOf(session.query(copy))).toMatchObject({
        code: '42501',
        detail: expect.stringMatching(/^The list failed/),
        hint: expect.stringContaining('the right to list the blobs'),
      })
    }
    for (const copy of ways(`COPY t FROM '${url}?${sas('rl')}'`)) await session.query(copy)
    expect((await session.query('DELETE FROM t')).rowCount).toBe(4)
  })

  it('the account is for its own users', async () => {
    const copies = ways(`COPY t FROM '${stack.blobUrl('r/*.csv')}'`)
    const get = `SELECT a FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'r/*.csv') AS r (a int)`
    const stranger = await stack.connect(await stack.createRole('stranger'))
    await stranger.query(EXTRAS)
    for (const statement of [...copies, get]) {
      expect(await errorOf(stranger.query(statement))).toMatchObject({ code: '42501' })
    }
    const user = await stack.connect(await stack.createStorageUser('user'))
    await user.query(EXTRAS)
    for (const copy of copies) await user.query(copy)
    expect((await user.query(get)).rows).toEqual([{ a: 1 }, { a: 2 }])
    expect((await user.query('DELETE FROM t')).rowCount).toBe(4)
  })

  it('prepared statements and functions look for what is there when they run', async () => {
    const session = await stack.connect()
    await session.query(`${EXTRAS}; CREATE FUNCTION load(path text) RETURNS bigint LANGUAGE plpgsql AS $f$
      DECLARE n bigint;
      BEGIN EXECUTE format('COPY t FROM %L', path); GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $f$`)
    const copy = { name: 'load', text: `COPY t FROM '${stack.blobUrl('s/*.csv')}'` }
    await stack.put('s/1.csv', '1\n')
    expect((await session.query(copy)).rowCount).toBe(1)
    await stack.put('s/2.csv', '2\n3')
    expect((await session.query(copy)).rowCount).toBe(3)
    expect((await session.query('SELECT load($1)::int AS n', [stack.blobUrl('s/*.csv')])).rows).toEqual([{ n: 3 }])
    await session.query('SET blobgres.extras = off')
    expect(await errorOf(session.query(copy))).toMatchObject({ code: '58P01' })
  })
})

describe('a proxy with --extras', () => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(newest, { extras: true })
  })
  afterAll(() => stack.close())

  it('takes patterns in every session', async () => {
    await stack.put('x/1.csv', '1\n')
    const copy = `COPY t FROM '${stack.blobUrl('x/*.csv')}'`
    await stack.client.query(`CREATE TABLE t (a int); ${copy}; DO $do$ BEGIN ${copy}; END $do$`)
    const get = `SELECT a FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '*/1.csv') AS r (a int)`
    expect((await stack.client.query(`${get} UNION ALL TABLE t`)).rowCount).toBe(3)
  })
})

describe('a storage that does not say what is there', () => {
  it('is waited for no longer than the statement lasts', async () => {
    const { storage, stack } = await startStalledStack(newest)
    try {
      await stack.client.query('CREATE TABLE t (a int)')
      const copy = (box: string) =>
        `COPY t FROM '${storage.endpointTemplate.replace('{account}', account.name)}/${box}/p-*.csv'`
      for (const [box, statement] of [
        ['top', copy('top')],
        ['inside', `DO $do$ BEGIN ${copy('inside')}; END $do$`],
      ] as const) {
        const session = await stack.connect()
        await session.query(EXTRAS)
        const failed = errorOf(session.query(statement))
        await expect.poll(() => storage.hasRequest(`/${box}`)).toBe(true)
        const canceller = new pg.Client({ connectionString: stack.url() })
        ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
          session,
          (session as unknown as { _activeQuery: unknown })._activeQuery,
        )
        expect(await failed).toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
        await session.query("SET statement_timeout = '300ms'")
        expect(await errorOf(session.query(statement))).toMatchObject({ code: '57014' })
      }
    } finally {
      await stack.close()
      await storage.close()
    }
  })
})
