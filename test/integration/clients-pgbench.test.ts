import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { describeWith } from '../support/tools.ts'

const run = promisify(execFile)
const CLIENTS = 4
const TRANSACTIONS = 5

describeWith('pgbench').each(servers)('pgbench on PostgreSQL $version', server => {
  let stack: CopyStack
  let dir: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    dir = await mkdtemp(join(tmpdir(), 'blobgres-pgbench-'))
    await stack.put('two.csv', '1\n2\n')
    await stack.client.query('CREATE TABLE loaded (client int, a int)')
    await run('pgbench', ['-i', '-q', '-s', '1', stack.url()])
  })
  afterAll(async () => {
    await stack.close()
    await rm(dir, { recursive: true })
  })

  async function pgbench(mode: string, script: string): Promise<string> {
    const file = join(dir, `${mode}.sql`)
    await writeFile(file, script)
    const load = ['-n', '-c', String(CLIENTS), '-j', '2', '-t', String(TRANSACTIONS), '-M', mode]
    return (await run('pgbench', [...load, '-b', 'tpcb-like', '-f', file, stack.url()])).stdout
  }

  test.each(['simple', 'extended', 'prepared'])('-M %s', async mode => {
    await stack.client.query('TRUNCATE loaded; TRUNCATE pgbench_history')
    const container = stack.container.containerName
    const statements = `INSERT INTO loaded SELECT :client_id, a FROM azure_storage.blob_get('${account.name}', '${container}', 'two.csv') AS t (a int);
COPY loaded (a) FROM '${stack.blobUrl('two.csv')}';
SELECT azure_storage.blob_put('${account.name}', '${container}', '${mode}/' || :client_id || '.csv', q) FROM (SELECT generate_series(1, 3)) q;
COPY pgbench_branches TO '${stack.blobUrl(`${mode}.csv`)}';`
    const pipelined = `\\startpipeline\nBEGIN;\n${statements}\nSELECT 1;\nCOMMIT;\nSELECT :client_id;\n\\endpipeline`
    const stdout = await pgbench(mode, mode === 'simple' ? `BEGIN;\n${statements}\nCOMMIT;` : pipelined)
    const total = CLIENTS * TRANSACTIONS
    expect(stdout).toContain(`number of transactions actually processed: ${total}/${total}`)
    expect(stdout).toContain('number of failed transactions: 0')
    const { rows } = await stack.client.query(
      `SELECT (SELECT count(*)::int FROM loaded) AS loaded, (SELECT count(*)::int FROM pgbench_history) AS history,
         (SELECT sum(delta) FROM pgbench_history) = (SELECT sum(abalance) FROM pgbench_accounts) AS consistent`,
    )
    const [{ loaded, history }] = rows
    // Each transaction is of the one kind or of the other.
    expect(loaded / 4 + history).toBe(total)
    expect(loaded).toBeGreaterThan(0)
    expect(await stack.get(`${mode}.csv`)).toMatch(/^1,-?\d+,/)
  })
})
