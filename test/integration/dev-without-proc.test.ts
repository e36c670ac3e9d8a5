import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { embeddedBinaries } from '../../src/dev/embedded-postgres.ts'
import { CLI, startProgram } from '../support/dev-process.ts'
import { needTool } from '../support/tools.ts'

/** A system that has no /proc, as macOS has none. */
const WITHOUT_PROC = ['unshare', '--mount', 'sh', '-ec', 'mount -t tmpfs none /proc; exec "$@"', 'sh']

it('runs dev, and Parquet both ways, where there is no /proc', async () => {
  needTool('unshare')
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-without-proc-'))
  await chmod(dataDir, 0o755)
  // Linux finds the libraries beside a program by asking /proc where that is.
  const env = { LD_LIBRARY_PATH: join(dirname((await embeddedBinaries()).postgres), '../lib') }
  const options = ['--data-dir', dataDir, '--listen', '127.0.0.1:0', '--azurite-port', '0']
  const dev = startProgram([...WITHOUT_PROC, ...CLI, 'dev', ...options], { env })
  const banner = await dev.printed(/Ctrl-C/)
  const client = new pg.Client(`postgres://postgres@${/listens on (\S+),/.exec(banner)?.[1]}/postgres`)
  await client.connect()
  await client.query(`CREATE TABLE numbers AS SELECT i, 'number ' || i AS name FROM generate_series(1, 100000) AS i`)
  const url = 'https://pgquickstart.blob.core.windows.net/samples'
  await client.query(`COPY numbers TO '${url}/numbers.parquet'`)
  await client.query(`CREATE TABLE copied (i int, name text); COPY copied FROM '${url}/numbers.parquet'`)
  await client.query(`SELECT azure_storage.blob_put('pgquickstart', 'samples', 'put.parquet', n) FROM numbers AS n`)
  const { rows } = await client.query(`SELECT count(*)::int FROM copied JOIN numbers USING (i, name)
    JOIN azure_storage.blob_get('pgquickstart', 'samples', 'put.parquet') AS b(i int, name text) USING (i, name)`)
  expect(rows).toEqual([{ count: 100_000 }])
  await client.end()
  dev.kill('SIGTERM')
  expect(await dev.ended).toMatchObject({ status: 0, stderr: '' })
  await rm(dataDir, { recursive: true })
}, 120_000)
