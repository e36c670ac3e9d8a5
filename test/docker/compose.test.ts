import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { SAMPLE_ACCOUNT } from '../../src/dev/samples.ts'
import { type ComposeProject, composeProject } from '../support/compose.ts'
import { docBlock } from '../support/doc-blocks.ts'
import { describeWithEngine } from '../support/docker.ts'
import { psql } from '../support/psql.ts'
import { expectReadmeSession, readmeUrl } from '../support/readme-session.ts'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

/** On free ports: the documented ones may be taken. */
const onFreePorts = (text: string): string => text.replaceAll(/"127\.0\.0\.1:[^"]*:(\d+)"/g, '"127.0.0.1::$1"')

describeWithEngine('compose', () => {
  let project: ComposeProject

  afterEach(() => project.down())

  it("with docker-compose.yml has README's first session as README shows it", async () => {
    project = await composeProject({ 'docker-compose.yml': onFreePorts(read('docker-compose.yml')) })
    await project.up('-d')
    await expectReadmeSession(readmeUrl('127.0.0.1', await project.healthy('blobgres', 5433)))
  })

  it('beside an application has its account and what its init scripts make, before it starts', async () => {
    const [snippet, initScript] = [
      docBlock('docs/guides/compose.md', 'yaml'),
      docBlock('docs/guides/compose.md', 'sql'),
    ]
    const check = "SELECT 1 / count(*) FROM azure_storage.account_list() WHERE account_name = 'mystorage'"
    project = await composeProject({
      'app.yml': snippet.replace(
        'build: .',
        `image: blobgres:dev\n    entrypoint: psql -v ON_ERROR_STOP=1 postgres://myadmin@blobgres:5433/app -c "${check}"`,
      ),
      'initdb.d/account.sql': initScript,
    })
    await project.up('--exit-code-from', 'app')
  })

  it("in front of a PostgreSQL has README's first session too, and is as healthy as that is", async () => {
    const storage = {
      'storage.yml': `
services:
  storage:
    image: blobgres:dev
  blobgres:
    environment:
      BLOBGRES_STORAGE_ENDPOINT: http://storage:10000/{account}
    depends_on:
      storage:
        condition: service_healthy
`,
    }
    project = await composeProject({ 'own.yml': onFreePorts(docBlock('docs/docker.md', 'yaml')), ...storage })
    await project.up('-d')
    const port = await project.healthy('blobgres', 5433)
    const superuser = { url: `postgres://postgres@127.0.0.1:${port}/postgres`, password: 'secret' }
    const { name, key } = SAMPLE_ACCOUNT
    // The administrator that docs/operating.md tells to make, and what README tells to do once per database.
    const prepare = `
      CREATE ROLE myadmin LOGIN CREATEROLE CREATEDB IN ROLE azure_pg_admin PASSWORD 'admin';
      CREATE DATABASE app OWNER myadmin;
      \\connect app
      CREATE EXTENSION azure_storage;
      SELECT azure_storage.account_add(each, '${key}') FROM unnest('{${name},devstoreaccount1}'::text[]) AS each`
    expect(await psql(superuser, prepare)).toMatchObject({ status: 0, stderr: '' })
    await expectReadmeSession(readmeUrl('127.0.0.1', port), 'admin')

    expect(await project.exec('blobgres', 'sh', '-c', 'test "$(id -u)" = 1000')).toBe(0)
    const health = ['blobgres', 'healthcheck']
    expect(await project.exec('blobgres', ...health)).toBe(0)
    await project.stop('postgres')
    expect(await project.exec('blobgres', ...health)).toBe(1)
    expect(await project.stop('blobgres')).toBe(0)
  })
})
