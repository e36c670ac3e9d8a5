import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const FORMATS = ['csv', 'tsv', 'binary'] as const

/** A file without rows whose schema, in Thrift's compact form, has these elements. */
function parquetOf(...elements: readonly (readonly number[])[]): Buffer {
  const footer = Buffer.from([0x15, 2, 0x19, (elements.length << 4) | 0xc, ...elements.flat(), 0x16, 0, 0x19, 0xc, 0])
  const tail = Buffer.alloc(8, 'PAR1')
  tail.writeUInt32LE(footer.length)
  tail.write('PAR1', 4)
  return Buffer.concat([Buffer.from('PAR1'), footer, tail])
}
const root = (children: number) => [0x48, 4, ...Buffer.from('root'), 0x15, children * 2, 0]
const group = (name: string) => [0x35, 2, 0x18, name.length, ...Buffer.from(name), 0x15, 0, 0]
const integer = (name: string) => [0x15, 2, 0x25, 2, 0x18, name.length, ...Buffer.from(name), 0]

describe.each(servers)('what has no columns, on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.client.query(`CREATE TABLE e (); INSERT INTO e DEFAULT VALUES; INSERT INTO e DEFAULT VALUES;
      CREATE TABLE g (a int GENERATED ALWAYS AS (1) STORED); CREATE TABLE t (a int); CREATE TABLE u (a json, b int)`)
  })
  afterAll(() => stack.close())

  const copy = (table: string, direction: 'FROM' | 'TO', path: string) =>
    stack.client.query(`COPY ${table} ${direction} '${stack.blobUrl(path)}'`)

  test('a table goes through COPY as in PostgreSQL, and blob_put writes the same', async () => {
    for (const format of FORMATS) {
      const url = stack.blobUrl(`copied.${format}`)
      const { rowCount } = await stack.client.query(`COPY e TO '${url}' WITH (FORMAT ${format})`)
      expect(rowCount).toBe(2)
      for (const rows of ['e', '(SELECT NULL::e AS e FROM e) AS nulls']) {
        await stack.client.query(`SELECT azure_storage.blob_put(${args}, 'put.${format}', e, '${format}') FROM ${rows}`)
        expect(await stack.getBytes(`put.${format}`)).toEqual(await stack.getBytes(`copied.${format}`))
      }
      await stack.client.query('CREATE TEMP TABLE copied ()')
      expect((await stack.client.query(`COPY copied FROM '${url}' WITH (FORMAT ${format})`)).rowCount).toBe(2)
      await stack.client.query('DROP TABLE copied')
    }
    await stack.client.query(`SELECT azure_storage.blob_put(${args}, 'put.csv', e, 'csv', 'none',
      azure_storage.options_csv_put(header := true)) FROM e`)
    expect(await stack.get('put.csv')).toBe('\n\n\n')
  })

  test('blob_get has no rows of that kind', async () => {
    await stack.put('rows.csv', '\n\n')
    for (const type of ['e', 'g']) {
      for (const format of [...FORMATS, 'parquet', 'text']) {
        const get = `SELECT * FROM azure_storage.blob_get(${args}, 'rows.csv', NULL::${type}, '${format}')`
        expect(await errorOf(stack.client.query(get))).toMatchObject({
          code: '0A000',
          message: 'azure_storage: a blob cannot be read into a row type without columns',
        })
      }
    }
  })

  test('Parquet cannot hold them', async () => {
    const refused = { code: '0A000', message: 'azure_storage: Parquet cannot hold rows without columns' }
    expect(await errorOf(copy('e', 'TO', 'e.parquet'))).toMatchObject(refused)
    const put = `SELECT azure_storage.blob_put(${args}, 'e.parquet', e) FROM e`
    expect(await errorOf(stack.client.query(put))).toMatchObject(refused)
    await stack.client.query('CREATE TYPE nothing AS (); CREATE TABLE n AS SELECT 1 AS a, ARRAY[ROW()::nothing] AS b')
    expect(await errorOf(copy('n', 'TO', 'n.parquet'))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: Parquet cannot hold a row type without columns',
      detail: 'It is in column "b".',
    })
    expect(await stack.exists('e.parquet')).toBe(false)
  })

  test('a Parquet file, or a structure in it', async () => {
    await stack.put('nothing.parquet', parquetOf(root(0)))
    await stack.put('group.parquet', parquetOf(root(1), group('a')))
    await stack.put('part.parquet', parquetOf(root(2), group('a'), integer('b')))
    for (const table of ['e', 't']) {
      for (const path of ['nothing.parquet', 'group.parquet']) {
        expect(await errorOf(copy(table, 'FROM', path))).toMatchObject({
          code: '0A000',
          message: 'azure_storage: the Parquet file has no columns',
        })
      }
    }
    expect(await errorOf(copy('u', 'FROM', 'part.parquet'))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: the Parquet file has a structure without fields',
      detail: 'It is in column "a".',
    })
  })
})
