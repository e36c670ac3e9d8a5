import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startCopyStack } from '../support/copy-stack.ts'
import { CLI } from '../support/dev-process.ts'
import { docBlocks } from '../support/doc-blocks.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'
import { describeWith } from '../support/tools.ts'

const run = promisify(execFile)
const [toAzure = '', toLaptop = ''] = docBlocks('docs/guides/azure.md', 'sh').filter(block => block.includes('pg_dump'))

// pg_dump refuses a server that is newer than itself, and tests can count on version 15 only.
describeWith('pg_dump').each(servers.filter(({ version }) => version === 15))(
  'the guide to Azure and back, on PostgreSQL $version',
  server => {
    it('takes tables and functions there, as they were written, and back', async () => {
      const [laptop, azure] = [await startCopyStack(server), await startStack(server)]
      const cwd = await mkdtemp(join(tmpdir(), 'blobgres-azure-'))
      const body = `BEGIN COPY t TO '${laptop.blobUrl('t.csv')}'; END`
      await laptop.client.query('CREATE TABLE t AS SELECT 1 AS a')
      await laptop.client.query(`CREATE FUNCTION export() RETURNS void LANGUAGE plpgsql AS $$${body}$$`)
      const env = { ...process.env, LAPTOP_URL: laptop.url(), AZURE_URL: azure.url() }
      const shell = (script: string) => run('sh', ['-ec', script], { cwd, env })

      await shell(toAzure.replace('npx blobgres', CLI.join(' ')))
      const app = await readFile(join(cwd, 'app.sql'), 'utf8')
      expect(app).toContain(body)
      expect(app).not.toMatch(/azure_storage[._]\w/)
      expect(await psql(azure.url(), 'TABLE t')).toMatchObject({ stdout: '1\n', stderr: '' })

      await laptop.client.query('DROP FUNCTION export(); DROP TABLE t')
      await shell(toLaptop)
      await laptop.client.query('SELECT export()')
      expect(await laptop.get('t.csv')).toBe('1\n')
      await rm(cwd, { recursive: true })
      await azure.close()
      await laptop.close()
    })
  },
)
