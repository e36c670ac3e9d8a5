import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { describeWith } from '../support/tools.ts'

const run = promisify(execFile)

// pg_dump refuses a server that is newer than itself, and tests can count on version 15 only.
describeWith('pg_dump').each(servers.filter(({ version }) => version === 15))(
  'pg_dump | psql on PostgreSQL $version',
  server => {
    test('restores extension, accounts and tables, both ways through the proxy', async () => {
      const [source, target] = [await startCopyStack(server), await startStack(server)]
      await source.client.query("CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS SELECT 'https://x/y' AS copy")
      await source.put('a.csv', '2\n')

      const { stdout: dump } = await run('pg_dump', ['-d', source.url()])
      const restored = await psql(target.url(), dump)
      expect(restored).toMatchObject({ status: 0, stderr: '' })
      const after = await psql(
        target.url(),
        `COPY t FROM '${source.blobUrl('a.csv')}'; SELECT sum(a), (SELECT copy FROM v) FROM t;
       SELECT account_name FROM azure_storage.account_list()`,
      )
      expect(after.stdout).toBe(`3|https://x/y\n${account.name}\n`)
      await target.close()
      await source.close()
    })

    test('pg_dump -j and pg_restore -j work side by side in several sessions', async () => {
      const [source, target] = [await startCopyStack(server), await startStack(server)]
      const dir = await mkdtemp(join(tmpdir(), 'blobgres-dump-'))
      await source.client.query('CREATE TABLE a AS SELECT generate_series(1, 5000) AS n; CREATE TABLE b AS TABLE a')
      await source.client.query("SELECT lo_from_bytea(0, 'large')")

      await run('pg_dump', ['-d', source.url(), '-Fd', '-j', '2', '-f', join(dir, 'dump')])
      await run('pg_restore', ['-d', target.url(), '-j', '2', '--exit-on-error', join(dir, 'dump')])
      const restored = await psql(
        target.url(),
        `SELECT sum(n) FROM (TABLE a UNION ALL TABLE b) AS q; SELECT count(*) FROM pg_largeobject_metadata;
       COPY a TO '${source.blobUrl('restored.csv')}'`,
      )
      expect(restored).toMatchObject({ stdout: '25005000\n1\n', stderr: '' })
      expect((await source.get('restored.csv')).split('\n')).toHaveLength(5001)
      await rm(dir, { recursive: true })
      await target.close()
      await source.close()
    })
  },
)
