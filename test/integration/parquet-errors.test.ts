import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { busyEngines, eventually } from '../support/engines.ts'
import { namesIn } from '../support/private-folder.ts'
import { servers } from '../support/servers.ts'

const ROWS = 5000
const numbers = Array.from({ length: ROWS }, (_, i) => i)
const texts = numbers.map(i => `text ${i * 7919}`)

function file(rowGroupSize = 1000): Buffer {
  const columnData = [
    { name: 'a', data: numbers, type: 'INT32' as const },
    { name: 'b', data: texts, type: 'STRING' as const },
  ]
  return Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize }))
}

/** The last row group's pages, broken. */
function corruptFile(): Buffer {
  const bytes = file()
  const footer = bytes.readUInt32LE(bytes.length - 8)
  const end = bytes.length - 8 - footer
  return Buffer.concat([bytes.subarray(0, end - 3000), Buffer.alloc(3000, 0xff), bytes.subarray(end)])
}

function wideFile(): Buffer {
  const columnData = Array.from({ length: 10_000 }, (_, i) => ({ name: `c${i}`, data: [i], type: 'INT32' as const }))
  return Buffer.from(parquetWriteBuffer({ columnData }))
}

const marked = (magic: string): Buffer => Buffer.concat([file().subarray(0, -4), Buffer.from(magic)])

const BAD_FILES: [string, () => Buffer][] = [
  ['truncated', () => file().subarray(0, -100)],
  ['cut in half', () => file().subarray(0, 10_000)],
  ['of another magic', () => marked('PAR2')],
  ['encrypted', () => marked('PARE')],
  ['csv', () => Buffer.from('a,b\n1,2\n'.repeat(100))],
  ['empty', () => Buffer.alloc(0)],
  ['four bytes', () => Buffer.from('PAR1')],
  ['corrupt in its last row group', corruptFile],
]

describe.each(servers)('Parquet files that are not as they should be, on PostgreSQL $version', server => {
  let stack: CopyStack
  const tempDir = mkdtempSync(join(tmpdir(), 'blobgres-errors-'))
  beforeAll(async () => {
    stack = await startCopyStack(server, { tempDir })
    await stack.client.query('CREATE TABLE t (a int, b text)')
  })
  afterAll(async () => {
    await stack.close()
    rmSync(tempDir, { recursive: true })
  })

  const fromBlob = (path: string, columns = 'a int, b text') =>
    `SELECT count(*) FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}') AS t (${columns})`

  /** That they fail alike, and leave nothing. */
  const failures = async (path: string) => {
    const { client } = stack
    const copy = await errorOf(client.query(`COPY t FROM '${stack.blobUrl(path)}'`))
    const get = await errorOf(client.query(fromBlob(path)))
    expect({ message: get.message, code: get.code }).toEqual({ message: copy.message, code: copy.code })
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
    expect(namesIn(tempDir)).toEqual([])
    expect(await eventually(busyEngines, 0)).toBe(0)
    expect(`${copy.message} ${copy.detail} ${get.detail}`).not.toMatch(/\/proc|\/dev|fd\/|read_parquet|COPY \(/)
    return copy
  }

  // What is wrong with a file does not hang on the server: one is enough to see that both take the error.
  it.each(server.version === 18 ? BAD_FILES : BAD_FILES.slice(-1))('%s', async (name, make) => {
    const path = `${name.replaceAll(' ', '_')}.parquet`
    await stack.put(path, make())
    const error = await failures(path)
    expect(error).toMatchObject({ code: '22P04', message: expect.stringMatching(/^azure_storage: /) })
  })

  it('a count of columns that is not that of the table', async () => {
    const { client } = stack
    await stack.put('two.parquet', file())
    await client.query('CREATE TABLE three (a int, b text, c date)')
    const error = await errorOf(client.query(`COPY three FROM '${stack.blobUrl('two.parquet')}'`))
    expect(error).toMatchObject({
      code: '22P04',
      message: expect.stringMatching(/^azure_storage: .*\b2 columns.*\b3\b/),
    })
    for (const column of ['a int', 'b text', 'c date']) expect(error.detail).toContain(column)
    expect(await errorOf(client.query(fromBlob('two.parquet', 'a int')))).toMatchObject({ code: '22P04' })
  })

  it.runIf(server.version === 18)('10,000 columns', async () => {
    await stack.put('wide.parquet', wideFile())
    const error = await failures('wide.parquet')
    expect(error.detail?.length).toBeLessThan(2000)
  })

  it('a value that the column refuses', async () => {
    const { client } = stack
    const columnData = [
      { name: 'a', data: numbers.map(i => (i === 4321 ? 'x' : String(i))), type: 'STRING' as const },
      { name: 'b', data: numbers.map(() => 'line\n\\.\ttwo'), type: 'STRING' as const },
    ]
    await stack.put('refused.parquet', Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 500 })))
    expect(await errorOf(client.query(`COPY t FROM '${stack.blobUrl('refused.parquet')}'`))).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type integer: "x"',
      where: 'COPY t, line 4322, column a: "x"',
    })
    expect(await errorOf(client.query(fromBlob('refused.parquet')))).toMatchObject({
      code: '22P02',
      where: expect.stringContaining('refused.parquet, line 4322, column '),
    })
    expect((await client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }])
  })

  it('too large, or without a place for a copy', async () => {
    const small = await startCopyStack(server, { tempDir, spoolLimitBytes: 10_000 })
    const none = await startCopyStack(server, { tempDir: join(tempDir, 'none') })
    for (const [other, code] of [
      [small, '53400'],
      [none, '58030'],
    ] as const) {
      await other.client.query('CREATE TABLE t (a int, b text)')
      await other.put('a.parquet', file())
      const sql = `COPY t FROM '${other.blobUrl('a.parquet')}'`
      expect(await errorOf(other.client.query(sql))).toMatchObject({ code })
      await other.close()
    }
  })

  it('named .parquet.gz', async () => {
    expect(await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('a.parquet.gz')}'`))).toMatchObject({
      code: '22023',
      message: expect.stringContaining("could not infer file encoding from extension: 'gz'"),
    })
  })

  it('options that mean nothing there', async () => {
    const { client } = stack
    const url = stack.blobUrl('two.parquet')
    for (const option of ['HEADER', "DELIMITER ';'", "NULL 'x'", "ENCODING 'UTF8'", "QUOTE '\"'"]) {
      expect(await errorOf(client.query(`COPY t FROM '${url}' (${option})`))).toMatchObject({
        code: '0A000',
        message: `azure_storage: COPY ${option.split(' ')[0]} cannot be used with parquet`,
      })
    }
    const get = (options: string) =>
      `SELECT * FROM azure_storage.blob_get('${account.name}', 'box', 'a.parquet', NULL::t, options := ${options})`
    expect(await errorOf(client.query(get('azure_storage.options_copy(header := true)')))).toMatchObject({
      code: '0A000',
    })
    expect(await errorOf(client.query(get(`'{"x": 1}'`)))).toMatchObject({
      message: 'azure_storage: unrecognized option: x',
    })
    const real = get('azure_storage.options_parquet()')
      .replace('box', stack.container.containerName)
      .replace('a.parquet', 'two.parquet')
    expect((await client.query(real)).rowCount).toBe(ROWS)
  })
})
