import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const AVAILABLE = { name: 'azure_storage', default_version: '1.9', comment: 'Azure Storage integration for PostgreSQL' }

describe.each(servers)('What tools find in the catalogue of PostgreSQL $version', server => {
  let stack: CopyStack
  let client: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    client = await stack.connect(await stack.createRole('tool'))
  })
  afterAll(() => stack.close())
  const ours = async (text: string, values: unknown[] = []) =>
    (await client.query(text, values)).rows.filter(({ name }) => name === 'azure_storage')

  describe.each([
    ['before the extension is created', false],
    ['when it is', true],
  ])('%s', (_, isInstalled) => {
    beforeAll(() => stack.client.query(`${isInstalled ? 'CREATE' : 'DROP'} EXTENSION azure_storage`))
    const installed = isInstalled ? '1.9' : null

    it('the list of extensions of pgAdmin', async () => {
      const rows = await ours(`SELECT
          a.name, a.installed_version,
          pg_catalog.array_agg(av.version) as version,
          pg_catalog.array_agg(av.schema) as schema,
          pg_catalog.array_agg(av.superuser) as superuser,
          pg_catalog.array_agg(av.relocatable) as relocatable
      FROM
          pg_catalog.pg_available_extensions a
          LEFT JOIN pg_catalog.pg_available_extension_versions av ON (a.name = av.name)
      GROUP BY a.name, a.installed_version
      ORDER BY a.name`)
      expect(rows).toMatchObject([{ installed_version: installed, version: ['1.9'], relocatable: [false] }])
    })

    it('its properties, which pgAdmin gets of the function behind the view', async () => {
      const rows = await ours(`SELECT
          x.oid AS eid, pg_get_userbyid(extowner) AS owner,
          x.extname AS name, n.nspname AS schema,
          x.extrelocatable AS relocatable, x.extversion AS version,
          e.comment
      FROM
          pg_extension x
          LEFT JOIN pg_namespace n ON x.extnamespace=n.oid
          JOIN pg_available_extensions() e(name, default_version, comment) ON x.extname=e.name`)
      expect(rows).toMatchObject(isInstalled ? [{ comment: AVAILABLE.comment, version: '1.9' }] : [])
    })

    it('the list of extensions of DBeaver', async () => {
      const text =
        'SELECT name,default_version,installed_version,comment FROM pg_catalog.pg_available_extensions ORDER BY name'
      expect(await ours(text)).toEqual([{ ...AVAILABLE, installed_version: installed }])
    })

    it('the list of extensions of DataGrip', async () => {
      const rows = await ours(`select E.name, available_versions from pg_catalog.pg_available_extensions E
        left join (select name, array_agg(version) as available_versions
          from pg_available_extension_versions() group by name) V on E.name = V.name`)
      expect(rows).toEqual([{ name: 'azure_storage', available_versions: ['1.9'] }])
    })

    it('in either protocol, with parameters, and after other statements', async () => {
      const row = { ...AVAILABLE, installed_version: installed }
      const text = 'SELECT * FROM pg_available_extensions WHERE name = $1'
      expect(await ours(text, ['azure_storage'])).toMatchObject([row])
      expect((await client.query({ name: 'same', text, values: ['azure_storage'] })).rows).toMatchObject([row])
      expect((await client.query({ name: 'same', text, values: ['plpgsql'] })).rows).toHaveLength(1)
      const results = (await client.query(`BEGIN; ${text.replace('$1', "'azure_storage'")}; COMMIT`)) as unknown
      expect((results as pg.QueryResult[]).map(({ rows }) => rows.length)).toEqual([0, 1, 0])
    })

    it('by the ways that SQL has to read a view', async () => {
      for (const text of [
        'TABLE pg_available_extensions',
        'TABLE "pg_available_extension_versions"',
        'SELECT pg_available_extensions.name FROM PG_CATALOG . Pg_Available_Extensions',
        'SELECT a.name FROM (SELECT 1) AS b, pg_available_extensions() AS a',
        'SELECT name FROM pg_available_extensions() UNION ALL SELECT NULL WHERE false',
        'WITH e AS (SELECT name FROM pg_available_extensions) SELECT * FROM e',
        'SELECT n AS name FROM (SELECT 1) AS o, LATERAL (SELECT name AS n FROM pg_available_extension_versions v) AS v',
        'SELECT name FROM pg_available_extensions WHERE name IN (SELECT name FROM pg_available_extension_versions)',
      ]) {
        expect(await ours(text), text).toHaveLength(1)
      }
    })
  })

  it('where the view itself is meant, it is', async () => {
    await stack.client.query(`CREATE VIEW extensions AS SELECT * FROM pg_available_extensions;
      GRANT SELECT ON pg_available_extensions TO PUBLIC`)
    const definition = await stack.client.query("SELECT pg_get_viewdef('extensions') AS text")
    expect(definition.rows[0].text).not.toContain('azure_storage')
    for (const text of [
      'WITH pg_available_extensions AS (SELECT 1 AS one) SELECT * FROM pg_available_extensions',
      'SELECT pg_catalog.pg_available_extensions.name FROM pg_catalog.pg_available_extensions WHERE false',
      "SELECT 'FROM pg_available_extensions' AS one",
    ]) {
      await client.query(text)
    }
  })

  it('positions of errors are those of the text', async () => {
    const text = "SELECT 'é', nonesuch FROM pg_available_extensions AS a, pg_settings WHERE nonesuch"
    expect(await errorOf(client.query(text))).toMatchObject({ code: '42703', position: '13' })
    const behind = 'SELECT 1 FROM pg_available_extensions AS a WHERE nonesuch'
    for (const query of [client.query(behind), client.query({ name: 'behind', text: behind })]) {
      expect(await errorOf(query)).toMatchObject({ code: '42703', position: '50' })
    }
  })
})
