import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('INSERT … SELECT from blob_get() on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  let get: string
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    await stack.put('rows.csv', '1,one\n2,two\n')
    get = `azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'rows.csv')`
    await stack.client.query('CREATE TABLE t (a int, b text)')
  })
  beforeEach(() => stack.client.query('TRUNCATE t'))
  afterAll(() => stack.close())

  it('runs as COPY', async () => {
    const { command, rowCount } = await stack.client.query(`INSERT INTO t SELECT * FROM ${get} AS r (a int, b text)`)
    expect({ command, rowCount }).toEqual({ command: 'INSERT', rowCount: 2 })
    expect((await stack.client.query('SELECT * FROM t')).rows).toEqual([
      { a: 1, b: 'one' },
      { a: 2, b: 'two' },
    ])
    expect(log.take('INSERT as COPY')).toMatchObject([{ isDone: true }])
  })
  it('runs as COPY with parameters', async () => {
    const sql = `INSERT INTO t SELECT * FROM azure_storage.blob_get($1, $2, $3) AS r (a int, b text)`
    const { command, rowCount } = await stack.client.query(sql, [
      account.name,
      stack.container.containerName,
      'rows.csv',
    ])
    expect({ command, rowCount }).toEqual({ command: 'INSERT', rowCount: 2 })
    expect(log.take('INSERT as COPY')).toMatchObject([{ isDone: true }])
  })
})
