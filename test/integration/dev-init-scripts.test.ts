import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli, startDev } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'
import { needTool } from '../support/tools.ts'

const SAMPLE =
  "'https://pgquickstart.blob.core.windows.net/samples/storage_extension_sample.csv' WITH (FORMAT csv, HEADER)"

describe('init scripts', { timeout: 120_000 }, () => {
  let dir: string
  let dataDir: string
  let scripts: string

  beforeEach(async () => {
    needTool('psql')
    dir = await mkdtemp(join(tmpdir(), 'blobgres-init-'))
    await chmod(dir, 0o755)
    dataDir = join(dir, 'data')
    scripts = join(dir, 'scripts')
    await mkdir(scripts)
  })

  afterEach(() => rm(dir, { recursive: true, force: true }))

  const script = (name: string, text: string): Promise<void> => writeFile(join(scripts, name), text)

  async function ask(sql: string): Promise<string> {
    const dev = await startDev(dataDir, '--init-scripts', scripts)
    const port = /listens on 127\.0\.0\.1:(\d+)/.exec(dev.banner)?.[1]
    const { stdout } = await psql(`postgres://myadmin@127.0.0.1:${port}/app`, sql)
    dev.kill('SIGTERM')
    expect(await dev.ended).toMatchObject({ status: 0 })
    return stdout
  }

  it('run in order, with blobs in reach, and once', async () => {
    await script(
      '1.sql',
      `CREATE TABLE sample (a bigint, b text, c integer, d timestamp);\n\\! true\nCOPY sample FROM ${SAMPLE};`,
    )
    await script('2.sh', 'psql -qc "INSERT INTO sample (a) VALUES (0)"')
    await script('notes.txt', 'not a script')
    expect(await ask('SELECT count(*) FROM sample')).toBe('1001\n')
    await script('3.sql', 'TRUNCATE sample;')
    expect(await ask('SELECT count(*) FROM sample')).toBe('1001\n')
  })

  it('begin anew after a start that failed', async () => {
    await script('1.sql', 'CREATE TABLE half_done ();')
    await script('2.sql', 'SELECT 1 / 0;')
    const ports = ['--listen', '127.0.0.1:0', '--azurite-port', '0']
    const failed = await runCli(['dev', '--data-dir', dataDir, '--init-scripts', scripts, ...ports])
    expect(failed).toMatchObject({ status: 1, stdout: '' })
    expect(failed.stderr).toMatch(
      /2\.sql:1: ERROR: {2}division by zero\n[\s\S]*the init script .*2\.sql failed \(exit code 3\)\n$/,
    )
    await script('2.sql', 'CREATE TABLE done ();')
    expect(await ask("SELECT to_regclass('half_done'), to_regclass('done')")).toBe('half_done|done\n')
  })
})
