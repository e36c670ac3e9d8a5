import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'

const COLUMNS = 'a int, b text, n numeric(6,2), ts timestamp(0)'

describe.each(servers)('INSERT … SELECT from blob_get() on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  let args: string
  let rows: unknown[]
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.client.query(`CREATE TABLE t (${COLUMNS}); CREATE TABLE one (line text); CREATE TABLE source (${COLUMNS});
      INSERT INTO source VALUES (1, E'ein\\t"Wort"\\n\\\\.', 1.5, '2024-02-29 12:00'), (2, 'ü', NULL, '1999-01-01'), (3, NULL, 9.99, NULL), (4, '', -0.01, '1970-01-01')`)
    rows = (await stack.client.query('SELECT * FROM source')).rows
    for (const path of ['s.csv', 's.tsv.gz', 's.parquet'])
      await stack.client.query(`COPY source TO '${stack.blobUrl(path)}'`)
    await stack.client.query(`COPY source TO '${stack.blobUrl('s.bin')}' (FORMAT binary)`)
    await stack.client.query(
      `COPY source TO '${stack.blobUrl('odd')}' (FORMAT csv, HEADER, DELIMITER ';', NULL 'none', QUOTE '''', ENCODING 'LATIN1')`,
    )
    await stack.put('text.json.gz', gzipSync('{"a": "\\t"}\n\\.\n'))
  })
  beforeEach(() => stack.client.query('TRUNCATE t, one; SET blobgres.accelerate = on'))
  afterAll(() => stack.close())

  /** How it went, and what is in the table then. */
  const inserted = async (rest: string, table = 't', accelerate = 'on') => {
    await stack.client.query(`SET blobgres.accelerate = ${accelerate}`)
    log.take('')
    const { command, rowCount } = await stack.client.query(
      `INSERT INTO ${table} SELECT * FROM azure_storage.blob_get(${args}, ${rest}`,
    )
    const isCopy = log.take('INSERT as COPY').some(({ isDone }) => isDone)
    return { tag: `${command} ${rowCount}`, isCopy, rows: (await stack.client.query(`SELECT * FROM ${table}`)).rows }
  }

  it.each([
    ['csv', `'s.csv') AS r (${COLUMNS})`],
    ['csv into a row type', `'s.csv', NULL::source)`],
    ['compressed tsv', `'s.tsv.gz', compression => 'gzip') AS r (${COLUMNS})`],
    ['Parquet', `'s.parquet') AS r (${COLUMNS})`],
    ['binary', `'s.bin', 'binary') AS r (${COLUMNS})`],
    [
      'options and another encoding',
      `'odd', 'csv', options := azure_storage.options_csv_get(header := true, delimiter := ';', null_string := 'none', quote := '''', content_encoding := 'latin1')) AS r (${COLUMNS})`,
    ],
    [
      'options in JSON',
      `'odd', 'csv', options => '{"header": true, "delimiter": ";", "null_string": "none", "quote": "''", "content_encoding": "latin1"}') AS r (${COLUMNS})`,
    ],
  ])('runs as COPY: %s', async (_, rest) => {
    expect(await inserted(rest)).toEqual({ tag: 'INSERT 4', isCopy: true, rows })
  })

  it('runs as COPY: text', async () => {
    const told = await inserted("'text.json.gz') AS r (line text)", 'one')
    expect(told).toEqual({ tag: 'INSERT 1', isCopy: true, rows: [{ line: '{"a": "\\t"}\n\\.\n' }] })
    await stack.client.query('TRUNCATE one')
    expect(await inserted("'text.json.gz') AS r (line text)", 'one', 'off')).toEqual({ ...told, isCopy: false })
  })

  it.each([
    ['force_null', `'s.csv', options := '{"force_null": ["*"]}') AS r (${COLUMNS})`],
    ['a blob that may be a pattern', `'s[.]csv') AS r (${COLUMNS})`],
    ['an unknown option', `'s.csv', options := '{"headers": true}') AS r (${COLUMNS})`],
    ['an unknown compression', `'s.csv', compression := 'zip') AS r (${COLUMNS})`],
    ['a missing argument', `NULL) AS r (${COLUMNS})`],
    ['a path that cannot be', `'') AS r (${COLUMNS})`],
    ['other types', `'s.csv') AS r (${COLUMNS.replace('timestamp(0)', 'timestamp')})`],
    ['a domain', `'s.csv') AS r (${COLUMNS.replace('int', 'information_schema.cardinal_number')})`],
    ['text for several columns', `'s.csv', 'text') AS r (${COLUMNS})`],
  ])('runs as it is: %s', async (_, rest) => {
    const told = (accelerate: string) =>
      inserted(rest, 't', accelerate).catch(({ message, code }) => ({ message, code }))
    const on = await told('on')
    await stack.client.query('TRUNCATE t')
    log.take('')
    expect(on).toEqual(await told('off'))
    expect('isCopy' in on && on.isCopy).toBe(false)
  })

  it('tells what the storage says, in the same words', async () => {
    const told = (accelerate: string) =>
      inserted(`'absent.csv') AS r (${COLUMNS})`, 't', accelerate).catch(({ code, message, detail, hint, where }) => ({
        ...{ code, message, hint, where },
        detail: detail.replace(/request ID [^)]*/, ''),
      }))
    const on = await told('on')
    expect(log.take('INSERT as COPY')).toMatchObject([{ isDone: true }])
    expect(on).toMatchObject({ code: '58P01' })
    expect(on).toEqual(await told('off'))
  })

  it('is a blob_get among the transfers', async () => {
    await inserted(`'s.csv') AS r (${COLUMNS})`)
    const { facts, rows: count } = stack.proxy.transfers.finished.at(-1) ?? {}
    expect({ ...facts, count }).toMatchObject({ statement: 'blob_get', direction: 'import', path: 's.csv', count: 4 })
  })

  it('takes the lock of an INSERT, and goes back where the table has changed', async () => {
    const target = (await stack.client.query("SELECT azure_storage_private.insert_target('t') AS told")).rows[0].told
    const open = (told: string) =>
      stack.client.query(
        `SELECT * FROM azure_storage_private.insert_open('t', '${told}', ${args}, '${'0'.repeat(32)}')`,
      )
    await stack.client.query('BEGIN')
    await open(target)
    const { rows: locks } = await stack.client.query(
      "SELECT mode FROM pg_locks WHERE relation = 't'::regclass ORDER BY mode",
    )
    expect(locks).toEqual([{ mode: 'RowExclusiveLock' }])
    await stack.client.query('ROLLBACK; ALTER TABLE t ALTER b SET DEFAULT 1; ALTER TABLE t ADD c int')
    expect(await errorOf(open(target))).toMatchObject({ code: '55000' })
    await stack.client.query('ALTER TABLE t DROP c')
  })

  it('shows as what it is in pg_stat_activity', async () => {
    await stack.client.query('CREATE TABLE locked (a int PRIMARY KEY)')
    await stack.put('one.csv', '1\n')
    const [other, looking] = [await stack.connect(), await stack.connect()]
    await other.query('BEGIN; INSERT INTO locked VALUES (1)')
    const inserting = stack.client.query(
      `INSERT INTO locked SELECT * FROM azure_storage.blob_get(${args}, 'one.csv') AS r (a int)`,
    )
    const shown = async () =>
      (
        await looking.query(
          "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
      ).rows[0]?.query
    await expect.poll(shown).toMatch(/COPY public.locked \("a"\) FROM STDIN .* blob_get: .*one.csv/)
    await other.query('ROLLBACK')
    expect((await inserting).rowCount).toBe(1)
  })
})
