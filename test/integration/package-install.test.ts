import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import pg from 'pg'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'
import { type CliProcess, startProgram } from '../support/dev-process.ts'
import { installPackage, packRepository } from '../support/packed.ts'
import { servers } from '../support/servers.ts'

const INSTALL_MS = 300_000
const [server] = servers
const folder = await mkdtemp(join(tmpdir(), 'blobgres-package-'))
const empty = join(folder, 'empty')
const tarball = await packRepository(folder)
/** A machine may have neither npm's registry nor its packages in npm's cache. */
const installed = await installPackage(tarball, empty).then(
  () => true,
  error => {
    if (!/\b(E[A-Z_]*(CONN|NOTFOUND|TIMEDOUT|AI_AGAIN|NOTCACHED)\w*)\b/.test(error.stderr)) throw error
    return false
  },
)

describe.skipIf(!installed)(installed ? 'the package' : 'the package (needs npm registry)', () => {
  const blobgres = (...args: readonly string[]): CliProcess =>
    startProgram([join(empty, 'node_modules/.bin/blobgres'), ...args], { cwd: empty })

  /** Whoever has containers in their tests has it already. */
  const installPeer = async (): Promise<void> => {
    const place = join(empty, 'node_modules/testcontainers')
    await rm(place, { force: true })
    await symlink(join(import.meta.dirname, '../../node_modules/testcontainers'), place)
  }

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it(
    'runs dev, whose servers no install script has completed, up to a first blob',
    async () => {
      const dev = blobgres('dev', '--listen', '127.0.0.1:0', '--azurite-port', '0')
      const banner = await dev.printed(/Ctrl-C/)
      const client = new pg.Client(`postgres://postgres@${/listens on (\S+),/.exec(banner)?.[1]}/postgres`)
      await client.connect()
      const url = 'https://pgquickstart.blob.core.windows.net/samples'
      await client.query('CREATE TABLE answers AS SELECT 42 AS answer')
      for (const blob of ['first.csv', 'first.parquet']) await client.query(`COPY answers TO '${url}/${blob}'`)
      const { rows } = await client.query(`SELECT c.answer + p.answer AS sum
      FROM azure_storage.blob_get('pgquickstart', 'samples', 'first.csv') AS c(answer int),
        azure_storage.blob_get('pgquickstart', 'samples', 'first.parquet') AS p(answer int)`)
      expect(rows).toEqual([{ sum: 84 }])
      await client.end()
      dev.kill('SIGTERM')
      await dev.ended
    },
    INSTALL_MS,
  )

  it('runs serve', async () => {
    const backend = `postgres://postgres@${server?.host}:${server?.port}/postgres`
    const serve = blobgres('serve', '--backend', backend, '--listen', '127.0.0.1:0', '--log-level', 'info')
    const port = /"port":(\d+),"msg":"listening"/.exec(await serve.logged(/"listening"/))?.[1]
    const client = new pg.Client(`postgres://postgres@127.0.0.1:${port}/postgres`)
    await client.connect()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
    serve.kill('SIGTERM')
    expect(await serve.ended).toMatchObject({ status: 0 })
  })

  it('is a command of npx', () => {
    const args = ['--offline', 'blobgres', '--version']
    expect(execFileSync('npx', args, { cwd: empty, encoding: 'utf8' })).toMatch(/^blobgres \d/)
  })

  it.each([
    [
      'imported',
      ['--input-type=module', '-e', "import { startBlobgres } from 'blobgres'; console.log(typeof startBlobgres)"],
    ],
    ['required', ['-e', "console.log(typeof require('blobgres').startBlobgres)"]],
    [
      'imported for testcontainers',
      [
        '--input-type=module',
        '-e',
        "import { BlobgresContainer } from 'blobgres/testcontainers'; console.log(typeof BlobgresContainer)",
      ],
    ],
    ['required for testcontainers', ['-e', "console.log(typeof require('blobgres/testcontainers').BlobgresContainer)"]],
  ])('can be %s', async (_, args) => {
    await installPeer()
    expect(execFileSync(process.execPath, args, { cwd: empty, encoding: 'utf8' })).toBe('function\n')
  })

  it.each(['blobgres', 'blobgres/testcontainers'])('has types of %s for each way to look for them', name => {
    const { Bundler, Node10, Node16 } = ts.ModuleResolutionKind
    const found = [
      [Node10, ts.ModuleKind.CommonJS],
      [Node16, ts.ModuleKind.CommonJS],
      [Node16, ts.ModuleKind.ESNext],
      [Bundler, ts.ModuleKind.ESNext],
    ].map(([moduleResolution, mode]) => {
      const file = join(empty, 'program.ts')
      const options = { moduleResolution } as ts.CompilerOptions
      const { resolvedModule } = ts.resolveModuleName(name, file, options, ts.sys, undefined, undefined, mode as 1 | 99)
      return basename(resolvedModule?.resolvedFileName ?? '')
    })
    const types = name === 'blobgres' ? 'index' : 'testcontainers'
    expect(found).toEqual([`${types}.d.cts`, `${types}.d.cts`, `${types}.d.ts`, `${types}.d.ts`])
  })

  it('says in one line what to install where a server of dev is missing', async () => {
    const place = join(empty, 'node_modules/azurite')
    await rename(place, join(folder, 'azurite'))
    const { status, stderr } = await blobgres('dev').ended
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^blobgres: blobgres dev needs the npm package azurite, which is not installed: npm install azurite@[\d.]+\n$/,
      ),
    })
    await rename(join(folder, 'azurite'), place)
  })

  it('holds what runs, and its types', async () => {
    const files = await readdir(join(empty, 'node_modules/blobgres'), { recursive: true })
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.d.ts', 'dist/extension/copy.sql']),
    )
    expect(
      files.filter(file => /^(src|test)|\.tsbuildinfo$|\.map$|(?<!index|testcontainers)\.d\.ts$/.test(file)),
    ).toEqual([])
  })
})
