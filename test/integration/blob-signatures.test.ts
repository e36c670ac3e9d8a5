import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createExtensionDatabase, type ExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

const NAMES = 'account_name text, container_name text, path text'
const DECODER =
  "decoder text DEFAULT 'auto'::text, compression text DEFAULT 'auto'::text, options jsonb DEFAULT NULL::jsonb"
const LISTED =
  'path text, bytes bigint, last_modified timestamp with time zone, etag text, content_type text, content_encoding text, content_hash text'

describe.each(servers)('the blob functions on PostgreSQL $version', server => {
  let database: ExtensionDatabase
  beforeEach(async () => {
    database = await createExtensionDatabase(server)
    await install(database)
  })
  afterEach(() => database.drop())

  test('show as those of the real extension do', async () => {
    const { rows } = await database.admin.query({
      text: `SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), prokind FROM pg_proc
        WHERE pronamespace = 'azure_storage'::regnamespace AND proname LIKE 'blob%' ORDER BY 1, length(pg_get_function_arguments(oid))`,
      rowMode: 'array',
    })
    expect(rows).toEqual([
      ['blob_get', `${NAMES}, ${DECODER}`, 'SETOF record', 'f'],
      ['blob_get', `${NAMES}, rec anyelement, ${DECODER}`, 'SETOF anyelement', 'f'],
      ['blob_list', "account_name text, container_name text, prefix text DEFAULT ''::text", `TABLE(${LISTED})`, 'f'],
      ['blob_put', `${NAMES}, tuple record`, 'void', 'a'],
      ['blob_put', `${NAMES}, tuple record, encoder text`, 'void', 'a'],
      ['blob_put', `${NAMES}, tuple record, encoder text, compression text`, 'void', 'a'],
      ['blob_put', `${NAMES}, tuple record, encoder text, compression text, options jsonb`, 'void', 'a'],
    ])
  })

  test('belong to the extension, and are refreshed by its update', async () => {
    await database.admin.query(`CREATE OR REPLACE FUNCTION azure_storage_private.loopback_addresses() RETURNS text
      LANGUAGE sql AS $$ SELECT 'old' $$`)
    await install(database, database.admin, { action: 'update' })
    const { rows } = await database.admin.query('SELECT azure_storage_private.loopback_addresses() AS addresses')
    expect(rows[0].addresses).not.toBe('old')
    await database.admin.query('DROP EXTENSION azure_storage')
    const left = await database.admin.query("SELECT oid::regprocedure FROM pg_proc WHERE probin LIKE '%dblink%'")
    expect(left.rows).toEqual([])
  })
})
