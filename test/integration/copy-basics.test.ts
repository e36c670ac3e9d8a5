import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY and blobs on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int, b text)')
  })
  afterAll(() => stack.close())

  it('a table goes into a blob and comes back', async () => {
    const { client, blobUrl } = stack
    await client.query("INSERT INTO t VALUES (1, 'one'), (2, NULL), (3, 'th,ree')")
    const written = await client.query(`COPY t TO '${blobUrl('t.csv')}'`)
    expect([written.command, written.rowCount]).toEqual(['COPY', 3])
    expect(await stack.get('t.csv')).toBe('1,one\n2,\n3,"th,ree"\n')
    await client.query('CREATE TABLE back (LIKE t)')
    const read = await client.query(`COPY back FROM '${blobUrl('t.csv')}'`)
    expect([read.command, read.rowCount]).toEqual(['COPY', 3])
    expect((await client.query('TABLE back EXCEPT ALL TABLE t')).rows).toEqual([])
  })

  it('the name decides about format and compression', async () => {
    const { client, blobUrl } = stack
    await client.query("CREATE TABLE named AS SELECT 7 AS a, E'x\\ty' AS b")
    for (const name of ['n.csv', 'n.csv.gz', 'n.tsv', 'n.tsv.gz']) {
      await client.query(`COPY named TO '${blobUrl(name)}'`)
      const bytes = await stack.getBytes(name)
      const expected = name.startsWith('n.csv') ? '7,x\ty\n' : '7\tx\\ty\n'
      expect((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()).toBe(expected)
      await client.query(`CREATE TEMP TABLE n2 (LIKE named); COPY n2 FROM '${blobUrl(name)}'`)
      expect((await client.query('SELECT * FROM n2')).rows).toEqual([{ a: 7, b: 'x\ty' }])
      await client.query('DROP TABLE n2')
    }
  })

  it('an option decides against the name', async () => {
    const { client, blobUrl } = stack
    await client.query("CREATE TABLE opt AS SELECT 1 AS a, 'x' AS b")
    await client.query(`COPY opt TO '${blobUrl('o.csv')}' WITH (FORMAT tsv, COMPRESSION none)`)
    expect(await stack.get('o.csv')).toBe('1\tx\n')
    await client.query(`COPY opt TO '${blobUrl('plain')}' WITH (FORMAT 'csv', COMPRESSION 'gzip', HEADERS)`)
    await client.query(`CREATE TEMP TABLE o2 (LIKE opt)`)
    await client.query(`COPY o2 FROM '${blobUrl('plain')}' (FORMAT csv, COMPRESSION gzip, HEADER true)`)
    expect((await client.query('TABLE o2')).rows).toEqual([{ a: 1, b: 'x' }])
  })

  it('psql shows the tag', async () => {
    await stack.put('ab.csv', '1,x\n2,y\n')
    const { stdout, stderr } = await stack.script(`\\set QUIET off
CREATE TABLE p (a int, b text);
COPY p FROM '${stack.blobUrl('ab.csv')}';
COPY p TO '${stack.blobUrl('ba.csv')}' WITH (FORMAT 'csv', HEADERS);`)
    expect([stdout, stderr]).toEqual(['CREATE TABLE\nCOPY 2\nCOPY 2\n', ''])
    expect(await stack.get('ba.csv')).toBe('a,b\n1,x\n2,y\n')
  })
})
