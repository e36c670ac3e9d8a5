import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('the types of a binary blob_get on PostgreSQL $version', server => {
  let stack: CopyStack
  let user: pg.Client

  beforeAll(async () => {
    stack = await startCopyStack(server)
    const role = await stack.createStorageUser('binary')
    user = await stack.connect(role)
    await stack.client.query(`GRANT CREATE ON SCHEMA public TO ${role}`)
    await user.query(`CREATE FUNCTION public.is_mine(v int) RETURNS boolean LANGUAGE plpgsql AS
      $$BEGIN IF current_user <> '${role}' THEN RAISE EXCEPTION 'run as %', current_user; END IF; RETURN v > 0; END$$;
      CREATE DOMAIN public.mine AS int CHECK (public.is_mine(VALUE));
      CREATE DOMAIN public.several AS public.mine[];
      CREATE TYPE public.inner_row AS (a public.mine, "b ""c" public.mine[], d numeric(5,2));
      CREATE TYPE public.outer_row AS (r public.inner_row, s public.inner_row[], t public.several);
      CREATE TYPE public.mine_range AS RANGE (subtype = public.mine);
      CREATE TABLE public.all_kinds (a public.mine, b public.mine[], c public.several, d public.inner_row,
        e public.inner_row[], f public.outer_row, g int[], h int4range, i text)`)
  })
  afterAll(() => stack.close())

  const blob = (name: string): string => `'${account.name}', '${stack.container.containerName}', '${name}'`

  test.each([
    `1, '{1,2}', '{3,NULL}', '(4,"{5}",6.78)', '{"(7,,)",NULL,"(,{},9)"}', '("(1,{2},3)","{""(4,{5},6)""}",{7})', '{{1,2},{3,4}}', '[1,9)', 'x'`,
    'NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL',
    `9, '{}', '{}', '(,,)', '{}', '(,,)', '{}', 'empty', ''`,
  ])('run their code with the rights of the caller: %s', async values => {
    await user.query(`TRUNCATE public.all_kinds; INSERT INTO public.all_kinds VALUES (${values})`)
    await user.query(`SELECT azure_storage.blob_put(${blob('kinds')}, k, 'binary') FROM public.all_kinds AS k`)
    const got = await user.query(
      `SELECT g::text FROM azure_storage.blob_get(${blob('kinds')}, NULL::public.all_kinds, 'binary') AS g`,
    )
    expect(got.rows).toEqual((await user.query('SELECT g::text FROM public.all_kinds AS g')).rows)
    expect(got.rows).toHaveLength(1)
  })

  test('refuse what they refuse', async () => {
    await user.query(`SELECT azure_storage.blob_put(${blob('zero')}, q, 'binary') FROM (SELECT 0 AS a) AS q`)
    const query = (type: string) =>
      user.query(`SELECT * FROM azure_storage.blob_get(${blob('zero')}, 'binary') AS t (a ${type})`)
    expect((await errorOf(query('public.mine'))).message).toBe(
      'value for domain mine violates check constraint "mine_check"',
    )
    expect((await errorOf(query('public.mine_range'))).message).toBe(
      'azure_storage: binary files cannot be read as public.mine_range',
    )
    expect((await errorOf(query('public.several[]'))).message).toBe(
      'azure_storage: binary files cannot be read as public.several[]',
    )
  })
})
