import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { candidates, convertEach } from '../support/characters.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

/** Of two things that are wrong with a file, COPY tells the one that it comes to first. */
const FILES: readonly [what: string, file: string, encoding?: string, format?: string][] = [
  ['a bad value in a row that lacks one', '1,x\n\x1a'],
  ['a row that lacks a value after good ones', '1,x\n2\n'],
  ['a row that lacks a value, and is the last', '1,x\n2'],
  ['a bad value in a row with one too many', '1,x\ny,z,z\n'],
  ['a bad value before a quote that is not closed', '1,x\ny,"z\n'],
  ['a bad value in a row before one that lacks one', 'y,x\n2\n'],
  ['a bad value in a row before bytes of no character', 'y,x\n2,\xff\n'],
  ['a bad value before bytes of no character', '1,x\ny,\xff\n'],
  ['bytes of no character before a bad value', '1,\xff\ny,z\n'],
  ['bytes of no character behind a row that lacks a value', '1\n2,\xff\n'],
  ['a bad value, then bytes of no character to be converted', 'y,x\n2,\x81\n', 'WIN1252'],
  ['bytes of no character to be converted, then a bad value', '1,x\n2,\x81\ny,z\n', 'WIN1252'],
  ['a character cut off at the end', '1,x\n2,\xb0', 'UHC'],
  ['a character cut off by the end of a line', '1,x\n2,\xb0\n3,y', 'UHC'],
  ['NUL, converted', '1,x\0\n', 'UHC'],
  ['NUL', '1,x\0\n'],
  ['no such conversion', '1,x\n', 'MULE_INTERNAL'],
  ['a bad value, then an escape of no character', 'y\tx\n1\t\\xff\n', 'UTF8', 'tsv'],
  ['an escape of no character behind a bad value', 'y\t\\xff\n', 'UTF8', 'tsv'],
  ['a bad value before a carriage return', '1,x\ny,z\r\n'],
]

describe.each(servers)('blob_get of files with something wrong, on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    client = stack.client
    await client.query(
      'CREATE DOMAIN present AS text NOT NULL; CREATE TABLE t (id int, name text); CREATE TABLE strict (id int, name present)',
    )
  })
  afterAll(() => stack.close())

  const get = (path: string, format: string, encoding: string, table = 't') =>
    client.query(
      `SELECT * FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}', NULL::${table},
        '${format}', options := azure_storage.options_copy(content_encoding := '${encoding}'))`,
    )

  const told = ({ code, message, where }: pg.DatabaseError) => ({
    code,
    message,
    line: /(?:bad|COPY t), line (\d+)/.exec(String(where))?.[1],
  })

  test.each(FILES)('%s: the error that COPY has', async (_, file, encoding = 'UTF8', format = 'csv') => {
    const url = await stack.put('bad', Buffer.from(file, 'latin1'))
    const copied = await errorOf(client.query(`COPY t FROM '${url}' WITH (FORMAT '${format}', ENCODING '${encoding}')`))
    const error = await errorOf(get('bad', format, encoding))
    expect(told(error)).toEqual(told(copied))
    if (copied.where) expect(error.where).toContain(`${stack.container.containerName}/bad, line`)
  })

  test('a value that is missing is not taken for a NULL that its type refuses', async () => {
    await stack.put('short', '1,x\n2\n')
    const error = await errorOf(get('short', 'csv', 'UTF8', 'strict'))
    expect(error.message).toBe('missing data for column "name"')
  })

  test('each encoding of the server has its own characters, read and written as by COPY', async () => {
    const random = new Random(Number(process.env.FUZZ_SEED ?? 1))
    const { rows } = await client.query<{ name: string }>(
      `SELECT pg_encoding_to_char(conforencoding) AS name FROM pg_conversion WHERE contoencoding = pg_char_to_encoding('UTF8')`,
    )
    expect(rows.length).toBeGreaterThan(35)
    await client.query('CREATE TABLE characters (id int, name text)')
    for (const { name } of rows) {
      const some = [...candidates(name)].filter((_, i) => i < 200 || random.chance(0.03))
      const known = await convertEach(client, some, name, 'UTF8')
      const good = some.filter((_, i) => known[i] !== undefined)
      const lines = good.map((bytes, i) => Buffer.concat([Buffer.from(`${i},"`), bytes, Buffer.from('"\n')]))
      const url = await stack.put('characters.csv', Buffer.concat(lines))
      await client.query(`TRUNCATE characters; COPY characters FROM '${url}' WITH (ENCODING '${name}')`)
      const { rows: expected } = await client.query('TABLE characters')
      expect(expected.length).toBe(good.length)
      expect((await get('characters.csv', 'csv', name)).rows, name).toEqual(expected)

      await client.query(`DELETE FROM characters WHERE pg_temp.converted(name::bytea, 'UTF8', '${name}') IS NULL`)
      await client.query(`COPY characters TO '${stack.blobUrl('copied')}' WITH (FORMAT csv, ENCODING '${name}')`)
      await client.query(`SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'put', c, 'csv',
        'none', azure_storage.options_csv_put(content_encoding := '${name}')) FROM characters AS c`)
      expect((await stack.getBytes('put')).equals(await stack.getBytes('copied')), name).toBe(true)
    }
  }, 120_000)
})
