import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('blob_put() as COPY, on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.client.query(
      `CREATE TABLE t (a int, b text); INSERT INTO t SELECT n, 'b' || n FROM generate_series(1, 5) n`,
    )
  })
  afterAll(() => stack.close())

  test('of a table', async () => {
    const { command, rows } = await stack.client.query(`SELECT azure_storage.blob_put(${args}, 'a.csv', t) FROM t`)
    expect([command, rows]).toEqual(['SELECT', [{ blob_put: '' }]])
    expect(await stack.get('a.csv')).toBe('1,b1\n2,b2\n3,b3\n4,b4\n5,b5\n')
  })
})
