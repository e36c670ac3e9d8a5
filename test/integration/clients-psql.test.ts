import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('psql on PostgreSQL $version', server => {
  let stack: CopyStack
  let dir: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    dir = await mkdtemp(join(tmpdir(), 'blobgres-psql-'))
    await writeFile(join(dir, 'in.csv'), '1,one\n2,two\n')
    await stack.put('numbers.csv', '1,one\n2,two\n3,three\n')
  })
  afterAll(async () => {
    await stack.close()
    await rm(dir, { recursive: true })
  })

  test('its own commands, directly and through the proxy', async () => {
    const script = (out: string): string => `
CREATE TEMP TABLE t (a int, b text);
\\copy t FROM '${dir}/in.csv' WITH (FORMAT csv)
\\copy (SELECT * FROM t ORDER BY a DESC) TO '${dir}/${out}'
\\set FETCH_COUNT 3
SELECT n FROM generate_series(1, 10) AS n;
SELECT a AS first, b AS label FROM t \\gdesc
SELECT max(a) AS top FROM t \\gset
SELECT :top, :'top';
SELECT 'SELECT ' || a FROM t ORDER BY a \\gexec
\\set ON_ERROR_ROLLBACK on
\\set ON_ERROR_STOP off
BEGIN;
SELECT * FROM missing;
INSERT INTO t VALUES (3, 'kept');
COMMIT;
SELECT count(*) FROM t;
\\lo_import '${dir}/in.csv' 'comment'
\\lo_export :LASTOID '${dir}/${out}.large'
\\lo_unlink :LASTOID
LISTEN c;
NOTIFY c, 'payload';
SELECT 1 \\; SELECT 2 \\; SELECT 3;
`
    const mask = (text: string): string =>
      text.replace(/(with PID|lo_import|lo_unlink) \d+/g, '$1 …').replaceAll('proxied', 'direct')
    const [direct, proxied] = [
      await psql(stack.database.url, script('direct')),
      await psql(stack.url(), script('proxied')),
    ]
    expect(mask(proxied.stdout)).toBe(mask(direct.stdout))
    expect(mask(proxied.stderr)).toBe(mask(direct.stderr))
    expect(proxied.stdout).toContain('Asynchronous notification "c" with payload "payload"')
    expect(await readFile(join(dir, 'proxied'), 'utf8')).toBe('2\ttwo\n1\tone\n')
    expect(await readFile(join(dir, 'proxied.large'), 'utf8')).toBe('1,one\n2,two\n')
  })

  test('with azure_storage', async () => {
    const blobs = `azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'numbers.csv') AS t (a int, b text)`
    const { stdout, stderr } = await psql(
      stack.url(),
      `CREATE TEMP TABLE t (a int, b text);
\\set FETCH_COUNT 2
SELECT * FROM ${blobs};
SELECT * FROM ${blobs} \\gdesc
\\set ON_ERROR_ROLLBACK on
\\set ON_ERROR_STOP off
BEGIN;
COPY t FROM '${stack.blobUrl('missing.csv')}';
COPY t FROM '${stack.blobUrl('numbers.csv')}';
COMMIT;
\\copy (SELECT * FROM ${blobs}) TO '${dir}/blob'
\\copy t FROM '${dir}/in.csv' WITH (FORMAT csv)
COPY t TO '${stack.blobUrl('out.csv')}' \\; SELECT count(*) FROM t \\; COPY t FROM '${stack.blobUrl('out.csv')}';
SELECT count(*) FROM t;
`,
    )
    expect(stderr).toMatch(/^psql:<stdin>:8: ERROR: {2}azure_storage: blob with the given name does not exist\n/)
    expect(stdout.split('\n')).toEqual(['1|one', '2|two', '3|three', 'a|integer', 'b|text', '5', '10', ''])
    expect(await readFile(join(dir, 'blob'), 'utf8')).toBe('1\tone\n2\ttwo\n3\tthree\n')
  })
})
