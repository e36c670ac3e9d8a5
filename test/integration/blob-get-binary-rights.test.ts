import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { startStalledStorage } from '../support/stalled-storage.ts'

describe.each(servers)('the types of a binary blob_get on PostgreSQL $version', server => {
  let stack: CopyStack
  let user: pg.Client

  beforeAll(async () => {
    stack = await startCopyStack(server)
    const role = await stack.createStorageUser('binary')
    user = await stack.connect(role)
    await stack.client.query(`GRANT CREATE ON SCHEMA public TO ${role}`)
    await user.query(`CREATE FUNCTION public.told(v anyelement) RETURNS anyelement LANGUAGE plpgsql AS
      $$BEGIN IF current_user <> '${role}' THEN RAISE EXCEPTION 'run as %', current_user; END IF; RETURN v; END$$;
      CREATE DOMAIN public.mine AS int CHECK (public.told(VALUE) > 0);
      CREATE DOMAIN public.mine_too AS public.mine;
      CREATE DOMAIN public.price AS numeric(5,2);
      CREATE DOMAIN public.several AS public.mine[];
      CREATE TYPE public.safe AS (a int, b text[]);
      CREATE TYPE public.member AS (a public.mine);
      CREATE TYPE public.nested AS (r public.member[]);
      CREATE TYPE public.mine_range AS RANGE (subtype = public.mine)`)
  })
  afterAll(() => stack.close())

  const blob = (name: string): string => `'${account.name}', '${stack.container.containerName}', '${name}'`

  const read = (name: string, type: string) =>
    user.query(`SELECT * FROM azure_storage.blob_get(${blob(name)}, 'binary') AS t (a ${type})`)

  test('a domain runs its code with the rights of the caller', async () => {
    await user.query(`SELECT azure_storage.blob_put(${blob('good')}, q, 'binary')
      FROM (VALUES (1, 2, 3.45::numeric, ROW(6, '{x,NULL}')::public.safe, '[7,9)'::int4range), (10, 11, 12, NULL, NULL)) AS q`)
    const { rows } = await user.query(`SELECT g::text FROM azure_storage.blob_get(${blob('good')}, 'binary')
      AS g (a public.mine, b public.mine_too, c public.price, d public.safe, e int4range)`)
    expect(rows.map(({ g }) => g)).toEqual(['(1,2,3.45,"(6,""{x,NULL}"")","[7,9)")', '(10,11,12.00,,)'])
  })

  test('a domain refuses what it refuses', async () => {
    await user.query(`SELECT azure_storage.blob_put(${blob('zero')}, q, 'binary') FROM (SELECT 0 AS a) AS q`)
    expect(await errorOf(read('zero', 'public.mine'))).toMatchObject({
      code: '23514',
      message: 'value for domain mine violates check constraint "mine_check"',
    })
  })

  test.each(['mine[]', 'several', 'member', 'nested[]', 'mine_range'])(
    '%s is refused: it would run code as the proxy',
    async type => {
      await user.query(`SELECT azure_storage.blob_put(${blob('null')}, q, 'binary') FROM (SELECT NULL::int AS a) AS q`)
      expect(await errorOf(read('null', `public.${type}`))).toMatchObject({
        code: '0A000',
        message: 'azure_storage: binary files cannot be read as a type that public.mine is a part of',
      })
    },
  )

  test('a range whose canonical function is not C is refused', async () => {
    await stack.client.query(`CREATE TYPE own_range AS RANGE (subtype = int);
      CREATE FUNCTION canonical(v own_range) RETURNS own_range LANGUAGE plpgsql AS 'BEGIN RETURN v; END';
      UPDATE pg_range SET rngcanonical = 'canonical'::regproc WHERE rngtypid = 'own_range'::regtype`)
    await user.query(`SELECT azure_storage.blob_put(${blob('int')}, q, 'binary') FROM (SELECT 1 AS a) AS q`)
    for (const type of ['own_range', 'own_multirange', 'own_range[]']) {
      const query = user.query(`SELECT * FROM azure_storage.blob_get(${blob('int')}, 'binary') AS t (a ${type})`)
      expect((await errorOf(query)).message).toMatch(
        /^azure_storage: binary files cannot be read as .*own_range is a part/,
      )
    }
  })

  test('a row type is not altered while a file is read', async () => {
    const storage = await startStalledStorage(
      'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "x"\r\nx-ms-blob-type: BlockBlob\r\n\r\nPGCOPY\n',
    )
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    const stalled = await startCopyStack(server, { storageEndpoints })
    const owner = await stalled.connect()
    await owner.query('CREATE TYPE safe AS (a int); CREATE DOMAIN mine AS int CHECK (VALUE > 0)')
    await owner.query(`CREATE TYPE outer_row AS (s safe[]); SET lock_timeout = '100ms'`)
    await stalled.client.query(`SET statement_timeout = '2s'`)
    const reading = errorOf(
      stalled.client.query(`SELECT * FROM azure_storage.blob_get(${blob('x')}, 'binary') AS t (a outer_row)`),
    )
    const locks = `SELECT FROM pg_locks WHERE relation = 'safe'::regclass AND mode = 'AccessShareLock'`
    await expect.poll(async () => (await owner.query(locks)).rowCount).toBe(1)
    expect(await errorOf(owner.query('ALTER TYPE safe ADD ATTRIBUTE b mine'))).toMatchObject({ code: '55P03' })
    expect(await reading).toMatchObject({ code: '57014' })
    await expect.poll(async () => (await owner.query(locks)).rowCount).toBe(0)
    await stalled.close()
    await storage.close()
  })
})
