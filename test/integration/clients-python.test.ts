import { afterAll, beforeAll, expect, test } from 'vitest'
import { runClient } from '../support/client-program.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { PYTHON } from '../support/tool-list.ts'
import { describeWith } from '../support/tools.ts'

/** Debian's own, for which .ci/run installs the drivers. */

describeWith('psycopg', 'asyncpg').each(servers)('Python on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  test.concurrent('psycopg 3: pipelines, binary, COPY, server-side cursors', async () => {
    expect(await runClient(stack, PYTHON, 'test/clients/psycopg_client.py')).toEqual([
      'export 20',
      `list [${[0, 1, 2, 3, 4, 5, 6].map(i => `'psycopg/${i}.csv', `).join('')}'psycopg/copy.csv.gz']`,
      'import 20',
      'missing UndefinedFile 58P01 azure_storage: blob with the given name does not exist',
      'count (40,)',
      'pipeline [20, 20] (40,)',
      'broken pipeline DivisionByZero 22012 division by zero',
      'count (40,)',
      'cursor 210',
      'copy 182',
    ])
  })

  test.concurrent('asyncpg: prepared and described, binary, COPY, cursors', async () => {
    expect(await runClient(stack, PYTHON, 'test/clients/asyncpg_client.py')).toEqual([
      'export COPY 20',
      "list ['asyncpg/0.csv', 'asyncpg/1.csv', 'asyncpg/2.csv', 'asyncpg/copy.csv.gz']",
      'import COPY 20',
      'import COPY 20',
      'import COPY 20',
      'missing UndefinedFileError 58P01 azure_storage: blob with the given name does not exist',
      'count 80',
      'cursor 210',
      'get 210',
      'get 210',
      'get 210',
      'copy COPY 20 412',
    ])
  })
})
