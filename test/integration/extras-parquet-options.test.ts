import { parquetMetadata } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inside } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('options for Parquet, with extras on, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`
      CREATE TABLE r AS SELECT i AS id, md5((i % 1000)::text) AS r FROM generate_series(1, 10000) i;
      SET blobgres.extras = on`)
  })
  afterAll(() => stack.close())

  const copy = (options: string, name = 'out.parquet') => `COPY r TO '${stack.blobUrl(name)}' WITH (${options})`
  const written = async (statement: string, name = 'out.parquet') => {
    await stack.client.query(statement)
    const bytes = await stack.getBytes(name)
    const { row_groups } = parquetMetadata(new Uint8Array(bytes).buffer)
    return { bytes: bytes.length, rows: row_groups.map(({ num_rows }) => Number(num_rows)) }
  }

  it('ROW_GROUP_SIZE: how many rows a group has, at top level and in functions', async () => {
    for (const statement of [copy('ROW_GROUP_SIZE 4096'), inside(copy('ROW_GROUP_SIZE 4096'))]) {
      expect((await written(statement)).rows).toEqual([4096, 4096, 1808])
    }
    expect((await written(copy('ROW_GROUP_SIZE 1'))).rows).toEqual([2048, 2048, 2048, 2048, 1808])
    expect((await written(copy('COMPRESSION snappy'))).rows).toEqual([10000])
  })

  it('COMPRESSION_LEVEL: how hard zstd tries', async () => {
    const size = async (level: number, statement: (copy: string) => string) =>
      (await written(statement(copy(`COMPRESSION zstd, COMPRESSION_LEVEL ${level}`)))).bytes
    for (const statement of [(copy: string) => copy, inside]) {
      expect(await size(19, statement)).toBeLessThan(await size(1, statement))
    }
  })

  it.each([
    ['ROW_GROUP_SIZE 0', '22023', 'argument to option "row_group_size" must be an integer between 1 and 10000000'],
    ["ROW_GROUP_SIZE 'many'", '22023', 'argument to option "row_group_size" must be'],
    ['ROW_GROUP_SIZE', '42601', 'row_group_size requires a parameter'],
    ['ROW_GROUP_SIZE 5000, ROW_GROUP_SIZE 6000', '42601', 'conflicting or redundant options'],
    ['COMPRESSION zstd, COMPRESSION_LEVEL 23', '22023', 'argument to option "compression_level" must be'],
    ['COMPRESSION gzip, COMPRESSION_LEVEL 3', '0A000', 'COPY COMPRESSION_LEVEL cannot be used with compression gzip'],
    ['FORMAT csv, ROW_GROUP_SIZE 4096', '0A000', 'COPY ROW_GROUP_SIZE cannot be used with csv'],
  ])('%s is refused', async (options, code, message) => {
    for (const statement of [copy(options, 'refused.parquet'), inside(copy(options, 'refused.parquet'))]) {
      const error = await errorOf(stack.client.query(statement))
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
    }
    expect(await stack.exists('refused.parquet')).toBe(false)
  })

  it('are not for reading', async () => {
    const statement = `COPY r FROM '${stack.blobUrl('out.parquet')}' WITH (ROW_GROUP_SIZE 4096)`
    for (const text of [statement, inside(statement)]) {
      expect(await errorOf(stack.client.query(text))).toMatchObject({
        code: '0A000',
        message: 'azure_storage: COPY ROW_GROUP_SIZE cannot be used with COPY FROM',
      })
    }
  })

  it('are unknown where extras are off, whatever their values', async () => {
    const session = await stack.connect()
    for (const option of ['ROW_GROUP_SIZE 4096', 'ROW_GROUP_SIZE 0', 'COMPRESSION_LEVEL 3']) {
      const refusal = { code: '42601', message: `option "${option.split(' ')[0]?.toLowerCase()}" not recognized` }
      expect(await errorOf(session.query(copy(option)))).toMatchObject(refusal)
      expect(await errorOf(session.query(inside(copy(option))))).toMatchObject(refusal)
    }
  })
})
