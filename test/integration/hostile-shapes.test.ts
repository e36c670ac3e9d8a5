import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const INJECTED = "5, 0)), error('it was run'"

/** Columns come to the proxy through functions that any role can call, and from a database that may be anybody's. */
describe.each(servers)('Forged columns of Parquet files on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t AS SELECT 1.5::numeric(5,2) AS a')
    await stack.client.query(`COPY t TO '${stack.blobUrl('t.parquet')}'`)
  })
  afterAll(() => stack.close())
  const refused = { code: '22023', message: 'azure_storage: columns for Parquet are not described as they must be' }
  const shape = JSON.stringify({ kind: 'scalar', type: 'numeric', precision: INJECTED, scale: 0 }).replaceAll("'", "''")

  it('are refused in a call of a private function', async () => {
    const role = await stack.createStorageUser('forger')
    const client = await stack.connect(role)
    const columns = `[{"name": "a", "oid": 1700, "typmod": -1, "shape": ${shape}}]`
    const error = await errorOf(
      client.query(`
        SELECT azure_storage_private.put_open(c, '${account.name}', jsonb_build_object(
          'container', '${stack.container.containerName}', 'path', 'x.parquet', 'encoder', 'parquet',
          'compression', 'auto', 'options', NULL, 'columns', '${columns}'::jsonb))
        FROM azure_storage_private.caller AS c`),
    )
    expect(error).toMatchObject(refused)
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it.each(['COPY t FROM', 'COPY t TO'])('are refused in a database whose functions forge them: %s', async copy => {
    await stack.client.query(`
      CREATE OR REPLACE FUNCTION azure_storage_private.type_shape(type_oid oid, typmod integer) RETURNS jsonb
      LANGUAGE sql AS $$ SELECT '${shape}'::jsonb $$`)
    expect(await errorOf(stack.client.query(`${copy} '${stack.blobUrl('t.parquet')}'`))).toMatchObject(refused)
    expect((await stack.client.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }])
  })
})
