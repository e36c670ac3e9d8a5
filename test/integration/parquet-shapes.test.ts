import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

const scalar = (type: string) => ({ kind: 'scalar', type })
const int4 = scalar('int4')

describe.each(servers)('what a type is made of, on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeAll(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
    await database.admin.query(`
      CREATE TYPE mood AS ENUM ('sad');
      CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN prices AS price[]; CREATE DOMAIN small AS int2;
      CREATE TYPE pair AS (a small, "B b" mood[]);
      CREATE TABLE nested (dropped int, p pair, ps pair[]); ALTER TABLE nested DROP dropped;
      CREATE TYPE int4x; CREATE FUNCTION int4x_in(cstring) RETURNS int4x LANGUAGE internal IMMUTABLE STRICT AS 'textin';
      CREATE FUNCTION int4x_out(int4x) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
      CREATE TYPE int4x (INPUT = int4x_in, OUTPUT = int4x_out, LIKE = text);
      CREATE SCHEMA other; CREATE TYPE other.date; ALTER TYPE int4x SET SCHEMA other; ALTER TYPE other.int4x RENAME TO int4`)
  })
  afterAll(() => database.drop())

  const pair = {
    kind: 'composite',
    fields: [
      { name: 'a', shape: scalar('int2') },
      { name: 'B b', shape: { kind: 'array', element: scalar('enum') } },
    ],
  }
  it.each([
    ['int', int4],
    ['varchar(3)', scalar('varchar')],
    ['numeric', scalar('numeric')],
    ['numeric(38)', { kind: 'scalar', type: 'numeric', precision: 38, scale: 0 }],
    ['numeric(5,-2)', { kind: 'scalar', type: 'numeric', precision: 5, scale: -2 }],
    ['numeric(3,7)[]', { kind: 'array', element: { kind: 'scalar', type: 'numeric', precision: 3, scale: 7 } }],
    ['price', { kind: 'scalar', type: 'numeric', precision: 10, scale: 2 }],
    ['prices', { kind: 'array', element: { kind: 'scalar', type: 'numeric', precision: 10, scale: 2 } }],
    ['mood', scalar('enum')],
    ['pair', pair],
    ['pair[]', { kind: 'array', element: pair }],
    [
      'nested',
      {
        kind: 'composite',
        fields: [
          { name: 'p', shape: pair },
          { name: 'ps', shape: { kind: 'array', element: pair } },
        ],
      },
    ],
    ['int2vector', scalar('int2vector')],
    ['point', scalar('point')],
    ['other.int4', scalar('other.int4')],
  ])('%s', async (type, expected) => {
    const { rows } = await database.admin
      .query(
        `CREATE TEMP TABLE t (c ${type});
       SELECT azure_storage_private.type_shape(atttypid, atttypmod) AS shape FROM pg_attribute
       WHERE attrelid = 't'::regclass AND attname = 'c'`,
      )
      .then(results => (results as unknown as { rows: unknown[] }[])[1] as { rows: { shape: unknown }[] })
    await database.admin.query('DROP TABLE t')
    expect(rows[0]?.shape).toEqual(expected)
  })

  const columnsOf = async (relation: string, ...names: string[]) => {
    const hex = names.map(name => Buffer.from(name, 'latin1').toString('hex'))
    const { rows } = await database.admin.query(
      'SELECT azure_storage_private.copy_columns(to_regclass($1), $2) AS columns',
      [relation, hex],
    )
    const text = Buffer.from(rows[0].columns ?? '', 'hex').toString()
    return text === '' ? undefined : JSON.parse(text).map(({ name }: { name: string }) => name)
  }

  it('knows the columns that COPY takes', async () => {
    await database.admin.query(`
      CREATE TABLE c (a int, gone int, g int GENERATED ALWAYS AS (1) STORED, "é" int, b text); ALTER TABLE c DROP gone;
      SET client_encoding = LATIN1`)
    expect(await columnsOf('c')).toEqual(['a', 'é', 'b'])
    expect(await columnsOf('c', 'b', 'é')).toEqual(['b', 'é'])
    expect(await columnsOf('c', 'b', 'nothing')).toEqual(['b'])
    expect(await columnsOf('nothing')).toBeUndefined()
  })
})
