import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const member = gzipSync('1,a\n')
const zeros = Buffer.alloc(512)

describe.each(servers)('gzip files of several parts on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TEMP TABLE g (a int, b text)')
  })
  afterAll(() => stack.close())

  /** What COPY FROM reads; blob_get is to read or to refuse the same. */
  async function rowsOf(parts: readonly Buffer[]): Promise<unknown[]> {
    const { client, container } = stack
    await container.getBlockBlobClient('a.csv.gz').uploadData(Buffer.concat(parts))
    await client.query('TRUNCATE g')
    const got = client.query(
      `SELECT * FROM azure_storage.blob_get('${account.name}', '${container.containerName}', 'a.csv.gz') AS t(a int, b text)`,
    )
    const copied = client.query(`COPY g FROM '${stack.blobUrl('a.csv.gz')}'`)
    const [function_, statement] = await Promise.allSettled([got, copied])
    expect(statement.status).toBe(function_.status)
    if (function_.status === 'rejected') throw function_.reason
    expect((await client.query('TABLE g')).rows).toEqual(function_.value.rows)
    return function_.value.rows
  }

  it('all members are read, with zero bytes between and behind them', async () => {
    const one = { a: 1, b: 'a' }
    expect(await rowsOf([member, zeros, member])).toEqual([one, one])
    expect(await rowsOf([member, member, zeros])).toEqual([one, one])
    expect(await rowsOf([member, zeros, member, zeros, zeros, member])).toEqual([one, one, one])
  })

  it('other bytes are refused', async () => {
    for (const parts of [
      [member, Buffer.from('junk')],
      [member, zeros, Buffer.from('junk')],
    ]) {
      expect(await errorOf(rowsOf(parts) as never)).toMatchObject({
        code: '22P04',
        message: 'azure_storage: the blob is not valid gzip data',
      })
    }
  })
})
