import { afterAll, beforeAll, expect, it } from 'vitest'
import { sampleCsv, sampleParquet } from '../../src/dev/samples.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'
import { describeWith } from '../support/tools.ts'

/** A statement of Microsoft's pages, and what psql writes (all but what it says of values that differ). */
type Step = readonly [sql: string, output: string | RegExp]

const TABLE = `CREATE TABLE IF NOT EXISTS sample_data (
    id BIGINT PRIMARY KEY,
    sample_text TEXT,
    sample_integer INTEGER,
    sample_timestamp TIMESTAMP
);`
const URL = 'https://<account_name>.blob.core.windows.net/<container_name>'
const ROWS = (count: number): RegExp => new RegExp(`^(?:\\d+\\|.+\\|\\d+\\|\\d{4}-.+\n){${count}}$`)
const TOP_5 = 'FROM (SELECT * FROM sample_data LIMIT 5) AS top_5_sample_data'

/** "Configure the Azure Storage extension", what is SQL of it. */
const HOW_TO: readonly Step[] = [
  ['CREATE EXTENSION azure_storage;', 'CREATE EXTENSION\n'],
  [
    `ALTER DATABASE <database> SET azure_storage.credential_encryption_key = '<strong_passphrase>';`,
    'ALTER DATABASE\n',
  ],
  ['SELECT azure_storage.account_encrypt_existing_credentials();', '0\n'],
]

/** "Quickstart examples for the Azure Storage extension", top to bottom. */
const QUICKSTART: readonly Step[] = [
  [TABLE, 'CREATE TABLE\n'],
  ["SELECT azure_storage.account_add('<account_name>', '<access_key>');", '\n'],
  ["SELECT * FROM azure_storage.account_user_add('<account_name>', '<regular_user>');", '\n'],
  ["SELECT * FROM azure_storage.blob_list('<account_name>','<container_name>');", /^(?:[a-z_.]+\|\d+\|.*\n){4}$/],
  ["SELECT * FROM azure_storage.blob_list('<account_name>','<container_name>','storage');", /^(?:storage.*\n){2}$/],
  [
    "SELECT * FROM azure_storage.blob_list('<account_name>','<container_name>') WHERE path LIKE 'storage%';",
    /^(?:storage.*\n){2}$/,
  ],
  [
    `TRUNCATE TABLE sample_data;\nCOPY sample_data\nFROM '${URL}/storage_extension_sample.parquet';`,
    'TRUNCATE TABLE\nCOPY 1000\n',
  ],
  [
    `TRUNCATE TABLE sample_data;\nCOPY sample_data\nFROM '${URL}/parquet_without_extension'\nWITH (FORMAT 'parquet');`,
    'TRUNCATE TABLE\nCOPY 1000\n',
  ],
  [
    `TRUNCATE TABLE sample_data;\nCOPY sample_data\nFROM '${URL}/storage_extension_sample.csv'\nWITH (HEADERS);`,
    'TRUNCATE TABLE\nCOPY 1000\n',
  ],
  ['SELECT *\nFROM sample_data\nLIMIT 100;', ROWS(100)],
  [`COPY sample_data\nTO '${URL}/storage_extension_sample_exported.parquet'\nWITH (FORMAT 'parquet');`, 'COPY 1000\n'],
  [`COPY sample_data\nTO '${URL}/storage_extension_sample_exported.csv'\nWITH (FORMAT 'csv', HEADERS);`, 'COPY 1000\n'],
  [
    "SELECT * FROM azure_storage.blob_list('<account_name>','<container_name>') WHERE path LIKE 'storage_extension_sample_exported%';",
    /^(?:storage_extension_sample_exported.*\n){2}$/,
  ],
  [
    `SELECT * FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
     LIMIT 5;`,
    ROWS(5),
  ],
  [
    `SELECT * FROM azure_storage.blob_get('<account_name>','<container_name>','storage_extension_sample.parquet')
     AS res (
        id BIGINT,
        sample_text TEXT,
        sample_integer INTEGER,
        sample_timestamp TIMESTAMP)
     LIMIT 5;`,
    ROWS(5),
  ],
  [
    `SELECT concat('P-',id::text) FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
     WHERE sample_integer=780
     LIMIT 5;`,
    /^P-\d+\n$/,
  ],
  [
    `SELECT * FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.csv'
        ,NULL::sample_data
        ,options := azure_storage.options_csv_get(header := 'true')
        );`,
    ROWS(1000),
  ],
  [
    `SELECT * FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'parquet_without_extension'
        , NULL::sample_data
        , decoder := 'parquet')
     LIMIT 5;`,
    ROWS(5),
  ],
  [
    `SELECT sample_integer, COUNT(*) FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
     GROUP BY sample_integer
     ORDER BY 2 DESC
     LIMIT 5;`,
    /^(?:\d+\|1\n){5}$/,
  ],
  [
    `SELECT azure_storage.blob_put
        ('<account_name>'
        ,'<container_name>'
        ,'sample_data_copy.parquet'
        , top_5_sample_data)
     ${TOP_5};`,
    '\n',
  ],
  [
    `SELECT azure_storage.blob_put
        ('<account_name>'
        ,'<container_name>'
        ,'sample_data_copy.csv'
        , top_5_sample_data)
     ${TOP_5};`,
    '\n',
  ],
  [
    `SELECT azure_storage.blob_put
        ('<account_name>'
        ,'<container_name>'
        ,'sample_parquet_data_copy_without_extension_with_zstd_compression'
        , top_5_sample_data
        ,'parquet'
        ,'zstd')
     ${TOP_5};`,
    '\n',
  ],
  ['SELECT * FROM azure_storage.account_list();', '<account_name>|access-key|blob|{<regular_user>}\n'],
  ["SELECT * FROM azure_storage.account_user_remove('<account_name>', '<regular_user>');", '\n'],
  ["SELECT azure_storage.account_remove('<account_name>');", '\n'],
  ['SELECT * FROM azure_storage.account_list();', ''],
]

describeWith('psql').each(servers)(
  'Microsoft’s pages as an admin who is no superuser, on PostgreSQL $version',
  server => {
    let stack: CopyStack
    let admin: string
    let user: string
    const database = uniqueName('app')
    beforeAll(async () => {
      stack = await startCopyStack(server)
      await stack.put('storage_extension_sample.parquet', await sampleParquet())
      await stack.put('parquet_without_extension', await sampleParquet())
      await stack.put('storage_extension_sample.csv', sampleCsv())
      await stack.put('csv_without_extension', sampleCsv())
      admin = await stack.createRole('adm', 'CREATEROLE CREATEDB IN ROLE azure_pg_admin')
      user = await stack.createRole('regular')
      await (await stack.connect(admin)).query(`CREATE DATABASE ${database}`)
      await callProxyFrom(server, database, ...stack.loopbacks)
    })
    afterAll(async () => {
      await adminQuery(server, `DROP DATABASE ${database} WITH (FORCE)`)
      await stack.close()
    })
    const filledIn = (text: string): string =>
      text
        .replaceAll(URL, stack.blobUrl('').slice(0, -1))
        .replaceAll('<database>', database)
        .replaceAll('<account_name>', account.name)
        .replaceAll('<container_name>', stack.container.containerName)
        .replaceAll('<access_key>', account.key)
        .replaceAll('<regular_user>', user)
    /** Each step is a session of its own, so that a passphrase is in force from the next on. */
    const walk = async (steps: readonly Step[]): Promise<void> => {
      const url = stack.url(admin).replace(stack.database.name, database)
      for (const [sql, output] of steps) {
        const result = await psql(url, ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', filledIn(sql)])
        expect(result, sql).toMatchObject({ stderr: '', status: 0 })
        if (typeof output === 'string') expect(result.stdout, sql).toBe(filledIn(output))
        else expect(result.stdout, sql).toMatch(output)
      }
    }

    it('the how-to, and the quickstart', async () => {
      await walk([...HOW_TO, ...QUICKSTART])
      expect(await stack.get('sample_data_copy.csv')).toMatch(/^(?:\d+,.+\n){5}$/)
    })

    it('in one session, and to its end', async () => {
      await walk([
        [['DROP TABLE sample_data;', ...QUICKSTART.map(([sql]) => sql)].join('\n'), /COPY 1000/],
        ['DROP EXTENSION azure_storage;', 'DROP EXTENSION\n'],
      ])
    })
  },
)
