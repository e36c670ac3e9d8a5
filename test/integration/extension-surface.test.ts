import { expect, test } from 'vitest'
import { createExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

/** Who may do what, but for the owner, who is the superuser of the proxy that has installed it. */
const SURFACE = `
WITH objects AS (
  SELECT 1 AS kind, pronamespace AS namespace, proowner AS owner,
    CASE prokind WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || p.oid::regprocedure AS name,
    concat_ws(', ', CASE WHEN prosecdef THEN 'SECURITY DEFINER' END, array_to_string(proconfig, ', ')) AS properties,
    coalesce(proacl, acldefault('f', proowner)) AS acl
  FROM pg_proc AS p
  UNION ALL
  SELECT 2, relnamespace, relowner, CASE relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || c.oid::regclass,
    array_to_string(reloptions, ', '), coalesce(relacl, acldefault('r', relowner))
  FROM pg_class AS c WHERE relkind IN ('r', 'v')
  UNION ALL
  SELECT 3, oid, nspowner, 'schema ' || nspname, '', coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
)
SELECT concat(name, ' [', properties, '] ', coalesce((
    SELECT string_agg(concat(CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, ': ', privileges), '; ' ORDER BY grantee)
    FROM (SELECT grantee, string_agg(privilege_type, ' ' ORDER BY privilege_type) AS privileges
      FROM aclexplode(acl) WHERE grantee <> owner GROUP BY grantee) AS grants
  ), '-'), CASE WHEN NOT (SELECT rolsuper FROM pg_roles WHERE oid = owner) THEN ' OWNED BY ' || pg_get_userbyid(owner) END) AS line
FROM objects
WHERE namespace IN ('azure_storage'::regnamespace, 'azure_storage_private'::regnamespace, to_regnamespace('blobgres'))
ORDER BY kind, name COLLATE "C"`

// What is new is to be seen: each line is something that a role may reach, or may not.
test.each(servers)('what the extension installs, and who may use it, on PostgreSQL $version', async server => {
  const database = await createExtensionDatabase(server)
  const surface = async (): Promise<string[]> =>
    (await database.admin.query(SURFACE)).rows.map(({ line }) => `${line}\n`)
  await install(database)
  const usual = await surface()
  await install(database, database.admin, { action: 'update' }, true)
  const all = await surface()
  await database.drop()
  await expect(usual.join('')).toMatchFileSnapshot('../fixtures/extension-surface.txt')
  const extras = all.filter(line => !usual.includes(line))
  expect(all).toHaveLength(usual.length + extras.length)
  await expect(extras.join('')).toMatchFileSnapshot('../fixtures/extension-surface-extras.txt')
  for (const line of all.filter(line => line.includes('SECURITY DEFINER'))) {
    expect(line).toContain('search_path=pg_catalog, pg_temp')
  }
})
