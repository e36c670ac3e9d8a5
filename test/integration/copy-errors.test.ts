import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { copyInside, serversAndWays } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { azurite } from '../support/servers.ts'

const base = azurite.endpointTemplate.replace('/{account}', '')

describe.each(serversAndWays)('errors of COPY with URLs, $way, on PostgreSQL $version', ({ server, way }) => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    if (way === 'in a DO block') copyInside(stack.client)
    await stack.client.query('CREATE TABLE t (a int, b text)')
  })
  beforeEach(() => stack.client.query('BEGIN; SAVEPOINT s'))
  // The session lives, and its transaction too.
  afterEach(async () => {
    await stack.client.query("ROLLBACK TO s; INSERT INTO t VALUES (1, 'x')")
    expect((await stack.client.query('TABLE t')).rows).toEqual([{ a: 1, b: 'x' }])
    await stack.client.query('ROLLBACK')
  })
  afterAll(() => stack.close())
  const failing = (url: string, direction = 'FROM', options = '') =>
    errorOf(stack.client.query(`COPY t ${direction} '${url}' ${options}`))

  describe.each(['FROM', 'TO'])('COPY %s', direction => {
    it('an ending that says nothing', async () => {
      for (const [path, ending] of [
        ['noext', ''],
        ['a.dat', 'dat'],
        ['a.CSV', 'CSV'],
        ['d.csv/x', ''],
        ['a.gz', 'gz'],
      ]) {
        expect(await failing(stack.blobUrl(path as string), direction)).toMatchObject({
          code: '22023',
          message:
            `azure_storage: could not infer file encoding from extension: '${ending}', use a supported extension [csv, csv.gz, tsv, ` +
            'tsv.gz, json, json.gz, xml, xml.gz, txt, txt.gz, parquet], or specify the decoder argument if you are using blob_get or format if using COPY FROM/TO',
        })
        await stack.client.query('ROLLBACK TO s')
      }
    })

    it('names that Azure refuses', async () => {
      for (const [path, message] of [
        ['/A/box/a.csv', 'azure_storage: invalid storage account name: A'],
        ['/my-account/box/a.csv', 'azure_storage: invalid storage account name: my-account'],
        [`/${account.name}/Box/a.csv`, 'azure_storage: invalid container name: Box'],
        [`/${account.name}/a/a.csv`, 'azure_storage: invalid container name: a'],
        [`/${account.name}/a--b/a.csv`, 'azure_storage: invalid container name: a--b'],
        [
          `/${account.name}/${stack.container.containerName}/${'x'.repeat(1021)}.csv`,
          'azure_storage: invalid blob name',
        ],
        [`/${account.name}/${stack.container.containerName}/a/../b.csv`, 'azure_storage: invalid blob name'],
      ]) {
        expect(await failing(base + path, direction)).toMatchObject({ code: '22023', message })
        await stack.client.query('ROLLBACK TO s')
      }
    })

    it('URLs that are none', async () => {
      for (const [url, detail] of [
        ['https://', 'The host is not that of a storage account.'],
        ['https://blob.core.windows.net/box/a.csv', 'The host is not that of a storage account.'],
        ['https://example.com/box/a.csv', 'The host is not that of a storage account.'],
        ['https://me:pass@acct.blob.core.windows.net/box/a.csv', 'A blob URL cannot carry a user name or password.'],
        ['https://acct.blob.core.windows.net', 'The URL has no container.'],
        ['https://acct.blob.core.windows.net/', 'The URL has no container.'],
        ['https://acct.blob.core.windows.net/box', 'The URL has no path after the container.'],
        ['https://acct.blob.core.windows.net/box/', 'The URL has no path after the container.'],
        ['https://acct.blob.core.windows.net/box/100%.csv', 'The percent-encoding is not that of UTF-8 text.'],
        ['https://acct.blob.core.windows.net/box/%ff.csv', 'The percent-encoding is not that of UTF-8 text.'],
        [
          'https://acct.blob.core.windows.net/box/a.csv?x=1',
          'The URL has a query that is not a shared access signature.',
        ],
      ]) {
        const error = await failing(url as string, direction)
        expect(error).toMatchObject({ code: '22023', detail })
        expect(error.message).not.toMatch(/pass|x=1/)
        await stack.client.query('ROLLBACK TO s')
      }
    })

    it('with COPY switched off PostgreSQL has the word', async () => {
      await stack.client.query('SET LOCAL azure_storage.enable_copy_command = off')
      for (const url of [stack.blobUrl('ü%20.csv'), 'https://example.com/nothing.dat']) {
        const error = await failing(url, direction)
        if (direction === 'FROM')
          expect(error.message).toBe(`could not open file "${url}" for reading: No such file or directory`)
        else expect(error).toMatchObject({ code: '42602', message: 'relative path not allowed for COPY to file' })
        await stack.client.query('ROLLBACK TO s; SET LOCAL azure_storage.enable_copy_command = off')
      }
      const secret = await failing(`${stack.blobUrl('a.csv')}?sv=1&sig=SECRET`, direction)
      expect(JSON.stringify(secret)).not.toContain('SECRET')
    })
  })

  it('what is refused is refused when prepared', async () => {
    const sql = `COPY (SELECT 1) TO '${stack.blobUrl('q.csv')}'`
    for (const options of [{ name: 'refused' }, { name: 'refused again' }, { queryMode: 'extended' }]) {
      expect(await errorOf(stack.client.query({ ...options, text: sql } as never))).toMatchObject({
        code: '0A000',
        message: 'azure_storage: Query is not supported while copying data to blob storage',
      })
      await stack.client.query('ROLLBACK TO s')
    }
    await stack.client.query('SET LOCAL azure_storage.enable_copy_command = off')
    expect(await errorOf(stack.client.query({ name: 'off', text: sql }))).toMatchObject({ code: '42602' })
  })

  it('gzip that is none, or ends early', async () => {
    const whole = gzipSync('1,one\n'.repeat(10_000))
    for (const [contents, message] of [
      [Buffer.from('1,one\n'), 'azure_storage: the blob is not valid gzip data'],
      [whole.subarray(0, whole.length - 9), 'azure_storage: the blob is truncated'],
      [Buffer.alloc(0), 'azure_storage: the blob is truncated'],
    ] as const) {
      expect(await failing(await stack.put('bad.csv.gz', contents))).toMatchObject({ code: '22P04', message })
      await stack.client.query('ROLLBACK TO s')
    }
    const members = await stack.put('members.csv.gz', Buffer.concat([gzipSync('1,a\n'), gzipSync('2,b\n')]))
    expect((await stack.client.query(`COPY t FROM '${members}'`)).rowCount).toBe(2)
  })

  it('empty blobs', async () => {
    for (const [name, contents] of [
      ['e.csv', ''],
      ['e.tsv', ''],
      ['e.csv.gz', gzipSync('')],
      ['e.tsv.gz', gzipSync('')],
    ] as const) {
      const url = await stack.put(name, contents)
      expect((await stack.client.query(`COPY t FROM '${url}'`)).rowCount).toBe(0)
    }
    expect(await failing(await stack.put('e.bin', ''), 'FROM', '(FORMAT binary)')).toMatchObject({
      code: '22P04',
      message: 'COPY file signature not recognized',
    })
  })

  it('a bad row: PostgreSQL says which', async () => {
    const bad = await failing(await stack.put('bad.csv', '1,a\n2,b\nx3,c\n'))
    expect(bad).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type integer: "x3"',
      ...(way === 'by itself' && { where: 'COPY t, line 3, column a: "x3"' }),
    })
    await stack.client.query('ROLLBACK TO s')
    expect(await failing(await stack.put('few.csv', '1,a\n2\n'))).toMatchObject({
      code: '22P04',
      message: 'missing data for column "b"',
      ...(way === 'by itself' && { where: 'COPY t, line 2: "2"' }),
    })
    await stack.client.query('ROLLBACK TO s')
    expect(await failing(await stack.put('open.csv', '1,"a\n'))).toMatchObject({
      code: '22P04',
      message: 'unterminated CSV quoted field',
    })
  })

  it('an export that fails leaves the blob as it was', async () => {
    await stack.put('old.csv', 'old')
    await stack.client.query('CREATE VIEW failing AS SELECT 1 / (5000 - i) AS x FROM generate_series(1, 10000) i')
    for (const name of ['old.csv', 'new.csv', 'new.csv.gz']) {
      await stack.client.query('SAVEPOINT e')
      const error = await errorOf(stack.client.query(`COPY failing TO '${stack.blobUrl(name)}'`))
      expect(error).toMatchObject({ code: '22012', message: 'division by zero' })
      await stack.client.query('ROLLBACK TO e')
    }
    expect(await stack.get('old.csv')).toBe('old')
    expect([await stack.exists('new.csv'), await stack.exists('new.csv.gz')]).toEqual([false, false])
  })
})
