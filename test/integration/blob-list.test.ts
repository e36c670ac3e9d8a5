import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('blob_list on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('b.csv', '1,2\n')
    await stack.put('a/x_y.csv', 'x')
    await stack.put('a/xzy.csv', '')
    await stack.put('größe %.csv', 'ü')
    await stack.container.getBlockBlobClient('typed').upload('typed', 5, {
      blobHTTPHeaders: { blobContentType: 'text/csv', blobContentEncoding: 'identity' },
    })
  })
  afterAll(() => stack.close())

  const paths = async (prefix: string): Promise<string[]> => {
    const { rows } = await stack.client.query('SELECT path FROM azure_storage.blob_list($1, $2, $3)', [
      account.name,
      stack.container.containerName,
      prefix,
    ])
    return rows.map(row => row.path)
  }
  const list = (what = '*') =>
    `SELECT ${what} FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`

  test('tells of every blob what the service knows', async () => {
    const { rows, fields } = await stack.client.query(list())
    expect(fields.map(field => field.name)).toEqual([
      'path',
      'bytes',
      'last_modified',
      'etag',
      'content_type',
      'content_encoding',
      'content_hash',
    ])
    expect(rows.map(row => row.path)).toEqual(['a/x_y.csv', 'a/xzy.csv', 'b.csv', 'größe %.csv', 'typed'])
    const typed = await stack.container.getBlobClient('typed').getProperties()
    expect(rows.at(-1)).toEqual({
      path: 'typed',
      bytes: '5',
      last_modified: typed.lastModified,
      etag: typed.etag?.replaceAll('"', ''),
      content_type: 'text/csv',
      content_encoding: 'identity',
      content_hash: Buffer.from(typed.contentMD5 ?? '').toString('hex'),
    })
    expect(rows[2]).toMatchObject({ bytes: '4', content_encoding: null })
  })

  test('takes the prefix literally', async () => {
    expect(await paths('a/x_')).toEqual(['a/x_y.csv'])
    expect(await paths('%')).toEqual([])
    expect(await paths('größe %')).toEqual(['größe %.csv'])
    expect(await paths('')).toHaveLength(5)
  })

  test('runs wherever a table does', async () => {
    const { container, client } = stack
    const { rows } = await client.query(
      `WITH c AS MATERIALIZED (SELECT '${account.name}'::text AS a, '${container.containerName}'::text AS c)
       SELECT p.prefix, count(l.path)::int AS n
       FROM c, unnest(ARRAY['a/', 'b', 'none']) AS p (prefix)
       LEFT JOIN LATERAL AZURE_STORAGE . Blob_List(prefix => p.prefix, account_name := c.a, container_name => c.c) l ON true
       GROUP BY 1 ORDER BY 1`,
    )
    expect(rows).toEqual([
      { prefix: 'a/', n: 2 },
      { prefix: 'b', n: 1 },
      { prefix: 'none', n: 0 },
    ])
    await client.query(`BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; DECLARE c CURSOR FOR ${list('path')}`)
    expect((await client.query('FETCH 1 FROM c')).rows).toEqual([{ path: 'a/x_y.csv' }])
    await client.query('COMMIT')
    expect(
      (
        await client.query(`SELECT (azure_storage.blob_list($1, $2, 'b')).bytes`, [
          account.name,
          container.containerName,
        ])
      ).rows,
    ).toEqual([{ bytes: '4' }])
  })
})
