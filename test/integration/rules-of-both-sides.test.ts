import { expect, test } from 'vitest'
import rules from '../fixtures/rules.json' with { type: 'json' }
import { createExtensionDatabase, install } from '../support/extension.ts'
import { servers } from '../support/servers.ts'

test.each(servers)('the database holds by the rules that the proxy holds by on PostgreSQL $version', async server => {
  const database = await createExtensionDatabase(server)
  await install(database)
  const accepts = (check: string, name: string): Promise<boolean> =>
    database.admin.query(`SELECT azure_storage_private.${check}($1)`, [name]).then(
      () => true,
      error => {
        expect(error).toMatchObject({ code: '22023', message: expect.stringContaining(`name: ${name}`) })
        return false
      },
    )
  for (const [check, { right, wrong }] of [
    ['check_account_name', rules.accountNames],
    ['check_container_name', rules.containerNames],
  ] as const) {
    for (const name of right) expect([name, await accepts(check, name)]).toEqual([name, true])
    for (const name of wrong) expect([name, await accepts(check, name)]).toEqual([name, false])
  }
  const formats = [...rules.formats, ...rules.refusedFormats.map(refused => ({ ...refused, parquet: false }))]
  const { rows } = await database.admin.query(
    `SELECT f ->> 'path' AS path, f ->> 'coder' AS coder,
       azure_storage_private.is_parquet(f ->> 'path', f ->> 'coder') AS parquet
     FROM jsonb_array_elements($1) WITH ORDINALITY AS t (f, n) ORDER BY n`,
    [JSON.stringify(formats)],
  )
  expect(rows).toEqual(formats)
  await database.drop()
})
