import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack, withoutAcceleration } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const MB = 1024 * 1024

describe.each(servers)('Rows that are too large on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    // Memory for one row, so that the others must wait.
    stack = await startCopyStack(server, { maxRowBytes: MB, memoryLimitBytes: 4 * MB })
    await withoutAcceleration(stack)
  })
  afterAll(() => stack.close())

  const get = (path: string, options = ''): string =>
    `FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}'${options}) AS t (a text)`
  const put = (path: string, rows: string, encoder = 'auto'): string =>
    `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', '${path}', t, '${encoder}')
     FROM (${rows}) AS t (a)`
  const tooLarge = { code: '54000', message: 'azure_storage: a row is larger than 1 MB' }

  it.each([
    ['endless.csv.gz', '', '1\n2\n'],
    ['quoted.csv.gz', '', '1\n2\n"'],
    ['endless.tsv.gz', '', '1\n2\n'],
    ['whole.txt.gz', '', ''],
    ['whole.json.gz', '', ''],
    ['header.csv.gz', ', options => azure_storage.options_csv_get(header => true)', ''],
  ])('blob_get: %s', async (path, options, start) => {
    await stack.put(path, gzipSync(start + 'x'.repeat(64 * MB)))
    const error = await errorOf(stack.client.query(`SELECT a ${get(path, options)}`))
    expect(error).toMatchObject({ ...tooLarge, hint: 'Raise the limit of the proxy with --max-row-size.' })
    const line = start === '' ? 1 : 3
    expect(error.where).toBe(`blob ${stack.container.containerName}/${path}, line ${line}`)
  })

  it('blob_get of Parquet', async () => {
    await stack.client.query(`CREATE TABLE p AS SELECT repeat('x', 3000000) AS a`)
    await stack.client.query(`COPY p TO '${stack.blobUrl('cell.parquet')}'`)
    const error = await errorOf(stack.client.query(`SELECT a ${get('cell.parquet')}`))
    expect(error).toMatchObject(tooLarge)
    // COPY has PostgreSQL's limit alone.
    await stack.client.query(`COPY p FROM '${stack.blobUrl('cell.parquet')}'`)
    expect((await stack.client.query('SELECT sum(length(a))::int AS n FROM p')).rows).toEqual([{ n: 6_000_000 }])
  })

  it.each(['csv', 'tsv', 'text', 'binary', 'parquet'])('blob_put: %s', async encoder => {
    const rows = "SELECT repeat('x', 20000000)"
    expect(await errorOf(stack.client.query(put('large', rows, encoder)))).toMatchObject(tooLarge)
    expect(await stack.exists('large')).toBe(false)
    // The session goes on.
    await stack.client.query(put('small', "SELECT 'y'", encoder))
    expect(await stack.exists('small')).toBe(true)
  })

  it('the largest rows go there and back, however many at once', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => stack.connect()))
    const letters = [...'abcdef']
    const rows = (letter: string): string => `SELECT repeat('${letter}', 1000000) FROM generate_series(1, 3)`
    await Promise.all(letters.map((letter, i) => clients[i]?.query(put(`${letter}.csv`, rows(letter)))))
    const sums = await Promise.all(
      letters.map(async (letter, i) => {
        const result = await clients[i]?.query(
          `SELECT sum(length(a))::int AS n, min(a) = repeat('${letter}', 1000000) AS same ${get(`${letter}.csv`)}`,
        )
        return result?.rows[0]
      }),
    )
    expect(sums).toEqual(letters.map(() => ({ n: 3_000_000, same: true })))
  })
})
