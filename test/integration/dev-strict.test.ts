import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startDev } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'

it('blobgres dev --strict-azure refuses what Azure would, until it is allowed', { timeout: 120_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-strict-'))
  const withDev = async (options: readonly string[], work: (url: string) => Promise<void>): Promise<void> => {
    const dev = await startDev(dataDir, '--strict-azure', ...options)
    try {
      await work(/postgres:\S+/.exec(dev.banner)?.[0] as string)
    } finally {
      dev.kill('SIGTERM')
      expect(await dev.ended).toMatchObject({ status: 0, stderr: '' })
    }
  }
  try {
    await withDev([], async url => {
      const refused = await psql(url, 'CREATE EXTENSION hstore')
      expect(refused.stderr).toContain('ERROR:  extension "hstore" is not allow-listed for "azure_pg_admin" users')
      const again = 'DROP EXTENSION azure_storage; CREATE EXTENSION azure_storage'
      expect(await psql(url, again)).toMatchObject({ stderr: '', status: 0 })
    })
    await withDev(['--azure-extensions', 'hstore'], async url => {
      expect(await psql(url, 'CREATE EXTENSION hstore')).toMatchObject({ stderr: '', status: 0 })
      expect(await psql(url, 'SHOW azure.extensions')).toMatchObject({ stdout: 'hstore\n' })
      expect((await psql(url, 'CREATE EXTENSION azure_storage')).stderr).toContain(
        '"azure_storage" is not allow-listed',
      )
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})
