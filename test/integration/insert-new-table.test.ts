import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'

const COLUMNS = `SELECT attname, format_type(atttypid, atttypmod), attnotnull, c.relpersistence, c.reloptions
  FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid WHERE attrelid = to_regclass('x') AND attnum > 0 ORDER BY attnum`

describe.each(servers)('CREATE TABLE AS SELECT from blob_get() on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.put('rows.csv', '1,one\n2,two\n')
    await stack.put('bad.csv', '1,one\nzwei,two\n')
    await stack.client.query(`CREATE TABLE rec (a int, b varchar(5)); CREATE SCHEMA other; CREATE TABLE other.taken (a int);
      CREATE DOMAIN positive AS int CHECK (VALUE > 0)`)
  })
  afterAll(() => stack.close())

  const outcome = async (text: string, values: readonly string[] | undefined, accelerate: 'on' | 'off') => {
    const { client } = stack
    await client.query(`DROP TABLE IF EXISTS x; SET blobgres.accelerate = ${accelerate}`)
    log.take('')
    const told = await client.query(text, values && [...values]).then(
      ({ command, rowCount }) => ({ command, rowCount }),
      ({ code, message, where, position }) => ({ code, message, where, position }),
    )
    const isCopy = log.take('INSERT as COPY').some(({ isDone }) => isDone)
    const columns = (await client.query(COLUMNS)).rows
    const rows = columns.length > 0 ? (await client.query('SELECT * FROM x')).rows : undefined
    return { isCopy, seen: { told, columns, rows } }
  }

  const rows = (path = 'rows.csv', columns = 'a int, b varchar(5)') =>
    `azure_storage.blob_get(${args}, '${path}') AS r (${columns})`
  it.each([
    [true, () => `CREATE TABLE x AS SELECT * FROM ${rows()}`],
    [true, () => `CREATE TABLE public.x (c) AS SELECT r.* FROM ${rows()}`],
    [true, () => `CREATE UNLOGGED TABLE x WITH (fillfactor = 50) AS SELECT a, b FROM ${rows()}`],
    [true, () => `CREATE TEMP TABLE x AS SELECT * FROM azure_storage.blob_get(${args}, 'rows.csv', NULL::rec)`],
    [true, () => `CREATE TEMP TABLE x ON COMMIT DROP AS SELECT * FROM ${rows()}`],
    [
      true,
      () => `CREATE TABLE x AS SELECT * FROM azure_storage.blob_get(${args}, $1) AS r (a int, b text)`,
      ['rows.csv'],
    ],
    [
      false,
      () => `CREATE TABLE x AS SELECT * FROM azure_storage.blob_get(${args}, $1) AS r (a int, b text)`,
      ['bad.csv'],
    ],
    [false, () => `CREATE TABLE x AS SELECT * FROM ${rows('bad.csv')}`],
    [false, () => `CREATE TABLE x (a, b, c) AS SELECT * FROM ${rows()}`],
    [false, () => `CREATE TABLE x AS SELECT b, a FROM ${rows()}`],
    [false, () => `CREATE TABLE rec AS SELECT * FROM ${rows()}`],
    [false, () => `CREATE TABLE none.x AS SELECT * FROM ${rows()}`],
    [false, () => `CREATE TABLE x AS SELECT * FROM ${rows('rows.csv', 'a positive, b text')}`],
    [false, () => `CREATE TABLE IF NOT EXISTS x AS SELECT * FROM ${rows()}`],
  ] as [boolean, () => string, string[]?][])('runs as COPY: %s, %s', async (isCopy, text, values) => {
    const general = await outcome(text(), values, 'off')
    const accelerated = await outcome(text(), values, 'on')
    expect(accelerated.seen).toEqual(general.seen)
    expect([general.isCopy, accelerated.isCopy]).toEqual([false, isCopy])
  })

  it('makes no rows for a table that is in the way', async () => {
    await stack.client.query('SET search_path = public, other')
    const { isCopy } = await outcome(
      `CREATE TABLE taken AS SELECT a FROM ${rows('rows.csv', 'a int, b text')}`,
      undefined,
      'on',
    )
    expect(isCopy).toBe(false)
    await stack.client.query('DROP TABLE IF EXISTS public.taken; RESET search_path')
  })

  it('leaves it to the server where an event trigger looks on', async () => {
    await stack.client.query(`CREATE FUNCTION looks() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
      CREATE EVENT TRIGGER looks ON ddl_command_end EXECUTE FUNCTION looks()`)
    expect((await outcome(`CREATE TABLE x AS SELECT * FROM ${rows()}`, undefined, 'on')).isCopy).toBe(false)
    await stack.client.query('DROP EVENT TRIGGER looks')
  })

  it('goes with its transaction', async () => {
    await stack.client.query('DROP TABLE IF EXISTS x; SET blobgres.accelerate = on')
    await stack.client.query('BEGIN')
    log.take('')
    await stack.client.query(`CREATE TABLE x AS SELECT * FROM ${rows()}`)
    expect(log.take('INSERT as COPY')).toMatchObject([{ isDone: true }])
    await stack.client.query('ROLLBACK')
    expect((await stack.client.query(COLUMNS)).rows).toEqual([])
  })
})
