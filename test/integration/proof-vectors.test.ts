import { expect, test } from 'vitest'
import vectors from '../fixtures/macs.json' with { type: 'json' }
import { createExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

test.each(servers)('the database makes the same MACs on PostgreSQL $version', async server => {
  const database = await createExtensionDatabase(server)
  await install(database)
  const { rows } = await database.admin.query(
    `SELECT azure_storage_private.mac(decode($1, 'hex'), VARIADIC ARRAY(SELECT jsonb_array_elements_text(v -> 'words'))) AS mac
     FROM jsonb_array_elements($2) WITH ORDINALITY AS t (v, n) ORDER BY n`,
    [vectors.key, JSON.stringify(vectors.macs)],
  )
  expect(rows.map(({ mac }) => mac)).toEqual(vectors.macs.map(({ mac }) => mac))
  await database.drop()
})
