import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { processesNaming, runCli, startDev } from '../support/dev-process.ts'
import { query } from '../support/library.ts'
import { writeFiles } from '../support/seed-folder.ts'

describe('commands about a stack of blobgres dev', () => {
  let folder: string
  let dataDir: string
  let dev: Awaited<ReturnType<typeof startDev>>
  const blobgres = (...args: readonly string[]) => runCli(args, { BLOBGRES_DATA_DIR: dataDir })
  const done = { status: 0, stderr: '' }
  const status = async () => JSON.parse((await blobgres('status', '-o', 'json')).stdout)
  const run = async (...statements: readonly string[]) => query((await status()).connectionUri, ...statements)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blobgres-commands-'))
    dataDir = join(folder, 'data')
    await writeFiles(join(folder, 'seed'), {
      'mystorage/inbox/a b/1.csv': 'n\n1\n2\n',
      'mystorage/.hidden': '',
      '2.sql': `COPY numbers FROM 'https://mystorage.blob.core.windows.net/inbox/a%20b/1.csv' WITH (FORMAT csv, HEADER);`,
      '1.sql': 'CREATE TABLE IF NOT EXISTS numbers (n int); TRUNCATE numbers;',
      'notes.txt': 'no SQL',
    })
  }, 120_000)

  afterAll(async () => {
    dev?.kill('SIGTERM')
    await dev?.ended
    await rm(folder, { recursive: true, force: true })
  })

  it('say that none runs, and that there is none', async () => {
    expect(await blobgres('status')).toMatchObject({ status: 1, stdout: '', stderr: /no stack runs on .*\/data: / })
    expect(await blobgres('status', '-o', 'json')).toMatchObject({ status: 1, stderr: '' })
    expect(await blobgres('stop')).toMatchObject({ ...done, stdout: expect.stringMatching(/^No stack runs on/) })
    expect(await blobgres('reset')).toMatchObject({ status: 1, stderr: expect.stringMatching(/there is no stack in/) })
    expect(await blobgres('snapshot', 'a/b')).toMatchObject({ status: 2, stdout: '' })
    expect(existsSync(dataDir)).toBe(false)
  }, 60_000)

  it('show how to reach it, which has its seed in place', async () => {
    dev = await startDev(dataDir, '--seed', join(folder, 'seed'), '--containers', 'one,two')
    const { connectionUri, storageConnectionString, ...facts } = await status()
    expect(facts).toMatchObject({
      running: true,
      pid: dev.pid,
      dataDir,
      accounts: ['pgquickstart', 'devstoreaccount1', 'mystorage'],
      snapshots: [],
    })
    expect(await query(connectionUri, 'SELECT n FROM numbers ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
    const blob = `SELECT path, content_type FROM azure_storage.blob_list('mystorage', 'inbox')`
    expect(await query(connectionUri, blob)).toEqual([{ path: 'a b/1.csv', content_type: 'text/csv' }])
    expect(await query(connectionUri, `SELECT FROM azure_storage.blob_list('devstoreaccount1', 'two')`)).toEqual([])
    const { stdout } = await blobgres('status', '-o', 'env')
    const variables = `DATABASE_URL="${connectionUri}"\nAZURE_STORAGE_CONNECTION_STRING="${storageConnectionString}"\n`
    expect(stdout).toBe(variables)
    expect((await blobgres('status')).stdout).toContain(`admin      ${connectionUri}\n`)
    expect((await stat(join(dataDir, 'control.json'))).mode & 0o777).toBe(0o600)
  }, 120_000)

  it('keep, restore, reset and seed it, whether it runs or not', async () => {
    const url = 'https://mystorage.blob.core.windows.net/inbox/a%20b/1.csv'
    const facts = `SELECT (SELECT array_agg(n ORDER BY n) FROM numbers) AS rows, (SELECT array_agg(n ORDER BY n)
      FROM azure_storage.blob_get('mystorage', 'inbox', 'a b/1.csv', options := azure_storage.options_csv_get(header := true))
      AS t (n int)) AS blob`
    const [atFirst, atOne, now] = [[1, 2], [3], [4]].map(n => [{ rows: n, blob: n }])
    const become = (n: number) =>
      run('TRUNCATE numbers', `INSERT INTO numbers VALUES (${n})`, `COPY numbers TO '${url}' WITH (HEADER)`)
    await become(3)
    expect(await blobgres('snapshot', 'one')).toMatchObject(done)
    expect((await status()).snapshots).toEqual(['one'])
    await become(4)
    expect(await run(facts)).toEqual(now)
    expect(await blobgres('restore', 'one')).toMatchObject(done)
    expect(await run(facts)).toEqual(atOne)
    expect(await blobgres('restore', 'two')).toMatchObject({
      status: 1,
      stderr: 'blobgres: there is no snapshot "two"\n',
    })
    expect(await blobgres('reset')).toMatchObject(done)
    expect(await run(facts)).toEqual(atFirst)

    expect(await blobgres('stop')).toMatchObject({ ...done, stdout: `Stopped the stack on ${dataDir}\n` })
    expect(await dev.ended).toMatchObject(done)
    expect(processesNaming(dataDir)).toEqual([])
    expect(existsSync(join(dataDir, 'control.json'))).toBe(false)
    expect(await blobgres('restore', 'one')).toMatchObject(done)
    dev = await startDev(dataDir, '--seed', join(folder, 'seed'))
    expect(await run(facts)).toEqual(atOne)
    expect(await blobgres('seed')).toMatchObject(done)
    expect(await run(facts)).toEqual(atFirst)
  }, 240_000)

  it('name the line of a seed that fails, and the account that is missing', async () => {
    await writeFiles(join(folder, 'bad'), { '1.sql': 'CREATE TABLE half ();\n\nSELECT é, nobody;' })
    const seed = await blobgres('seed', '--seed', join(folder, 'bad'))
    expect(seed.stderr).toMatch(/^blobgres: .*\/bad\/1\.sql, line 3: column "é" does not exist\b.*\n$/)
    expect(await run(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }])
    await writeFiles(join(folder, 'bad'), { 'another/inbox/a.csv': '' })
    expect((await blobgres('seed', '--seed', join(folder, 'bad'))).stderr).toMatch(/with --account another$/m)
  }, 60_000)

  it('leave Azure alone where an account is not there', async () => {
    await expect(run(`COPY numbers FROM 'https://another.blob.core.windows.net/inbox/a.csv'`)).rejects.toMatchObject({
      code: '08001',
      detail: expect.stringContaining('There is no storage account "another" here'),
      hint: expect.stringContaining('--account another'),
    })
  })
})
