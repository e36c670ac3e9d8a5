import { afterAll, beforeAll, expect, test } from 'vitest'
import { runClient } from '../support/client-program.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { JDBC_DRIVER } from '../support/tool-list.ts'
import { describeWith } from '../support/tools.ts'

describeWith('javac', 'JDBC').each(servers)('JDBC on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  test('fetch size, server-prepared, autosave, CopyManager, large objects, cancel', async () => {
    const options = ['-XX:TieredStopAtLevel=1', '-cp', JDBC_DRIVER]
    expect(await runClient(stack, 'java', ...options, 'test/clients/Jdbc.java')).toEqual([
      ...Array(4).fill('export 20'),
      ...Array(4).fill('import 20'),
      'autosave 58P01 ERROR: azure_storage: blob with the given name does not exist',
      'count 120',
      ...Array(3).fill('fetch 210'),
      'described text',
      ...Array(3).fill('list jdbc/copy.csv.gz'),
      'copy 20 182',
    ])
  })
})
