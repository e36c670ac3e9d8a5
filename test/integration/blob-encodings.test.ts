import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'

describe.each(servers)('the blob functions in databases of other encodings, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  // What a database writes without saying an encoding is in its own, as with COPY.
  test.each([
    ['UTF8', 'c3bc', 'große ü.csv'],
    ['SQL_ASCII', 'c3bc', 'große ü.csv'],
    ['LATIN1', 'fc', 'große ü.csv'],
    ['EUC_JP', '8fabe4', '日.csv'],
  ])('%s', async (encoding, stored, file) => {
    const name = uniqueName('encoding')
    await adminQuery(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`)
    await callProxyFrom(server, name, stack.proxy)
    const client = new pg.Client({ connectionString: stack.url().replace(stack.database.name, name) })
    try {
      await client.connect()
      await client.query('CREATE EXTENSION azure_storage')
      await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      const args = `'${account.name}', '${stack.container.containerName}'`
      const path = `${encoding}/${file}`
      await client.query(
        `SELECT azure_storage.blob_put(${args}, $1, q) FROM (SELECT u || 'ü' AS u, n FROM (VALUES ('ü', 1)) v (u, n)) q`,
        [path],
      )
      expect((await stack.getBytes(path)).toString('hex')).toBe(`${stored}${stored}2c310a`)
      const { rows } = await client.query(
        `SELECT l.path, q.* FROM azure_storage.blob_list(${args}, '${encoding}/') l,
          LATERAL azure_storage.blob_get(${args}, l.path) AS q (u text, n int)`,
      )
      expect(rows).toEqual([{ path, u: 'üü', n: 1 }])
    } finally {
      await client.end()
      await adminQuery(server, `DROP DATABASE ${name} WITH (FORCE)`)
    }
  })
})
