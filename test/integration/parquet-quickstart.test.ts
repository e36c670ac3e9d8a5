import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sampleCsv, sampleParquet } from '../../src/dev/samples.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { describeWith } from '../support/tools.ts'

const FLIGHTS = new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url)

describeWith('psql').each(servers)('the quickstart with Parquet on PostgreSQL $version', server => {
  let stack: CopyStack
  let run: (sql: string) => Promise<string>
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('storage_extension_sample.parquet', await sampleParquet())
    await stack.put('parquet_without_extension', await sampleParquet())
    await stack.put('sample.csv', sampleCsv())
    await stack.script(
      'CREATE TABLE sample_data (id BIGINT PRIMARY KEY, sample_text TEXT, sample_integer INTEGER, sample_timestamp TIMESTAMP)',
    )
    run = async sql => {
      const { stdout, stderr } = await stack.script(
        sql
          .replaceAll('https://<account_name>.blob.core.windows.net/<container_name>', stack.blobUrl('').slice(0, -1))
          .replaceAll('<account_name>', account.name)
          .replaceAll('<container_name>', stack.container.containerName),
      )
      expect(stderr).toBe('')
      return stdout
    }
  })
  afterAll(() => stack.close())

  const expectSampleData = async () => {
    await run(`CREATE TABLE reference (LIKE sample_data);
      COPY reference FROM 'https://<account_name>.blob.core.windows.net/<container_name>/sample.csv' WITH (HEADERS);`)
    expect(await run('TABLE sample_data EXCEPT TABLE reference; SELECT count(*) FROM sample_data')).toBe('1000\n')
    await run('DROP TABLE reference')
  }

  it('imports with COPY', async () => {
    await run(`
      TRUNCATE TABLE sample_data;
      COPY sample_data
      FROM 'https://<account_name>.blob.core.windows.net/<container_name>/storage_extension_sample.parquet';`)
    await expectSampleData()
    await run(`
      TRUNCATE TABLE sample_data;
      COPY sample_data
      FROM 'https://<account_name>.blob.core.windows.net/<container_name>/parquet_without_extension'
      WITH (FORMAT 'parquet');`)
    await expectSampleData()
  })

  it('exports with COPY', async () => {
    await run(`
      COPY sample_data
      TO 'https://<account_name>.blob.core.windows.net/<container_name>/storage_extension_sample_exported.parquet'
      WITH (FORMAT 'parquet');
      TRUNCATE TABLE sample_data;
      COPY sample_data
      FROM 'https://<account_name>.blob.core.windows.net/<container_name>/storage_extension_sample_exported.parquet'`)
    await expectSampleData()
  })

  it('reads with blob_get', async () => {
    expect(
      await run(`SELECT * FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
        LIMIT 1;`),
    ).toMatch(/^1\|.*\|389\|2024-01-01 01:01:01\n$/)
    expect(
      await run(`SELECT concat('P-',id::text) FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
        WHERE sample_integer=780
        LIMIT 5;`),
    ).toMatch(/^P-\d+\n$/)
    expect(
      await run(`SELECT count(*) FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'parquet_without_extension'
        , NULL::sample_data
        , decoder := 'parquet')`),
    ).toBe('1000\n')
    expect(
      await run(`SELECT sample_integer, COUNT(*) FROM azure_storage.blob_get
        ('<account_name>'
        ,'<container_name>'
        ,'storage_extension_sample.parquet'
        , NULL::sample_data)
        GROUP BY sample_integer
        ORDER BY 2 DESC, 1
        LIMIT 2;`),
    ).toBe('0|1\n1|1\n')
  })

  it('writes with blob_put', async () => {
    await run(`SELECT azure_storage.blob_put
        ('<account_name>'
        ,'<container_name>'
        ,'sample_data_copy.parquet'
        , top_5_sample_data)
      FROM (SELECT * FROM sample_data LIMIT 5) AS top_5_sample_data;`)
    await run(`SELECT azure_storage.blob_put
        ('<account_name>'
        ,'<container_name>'
        ,'sample_parquet_data_copy_without_extension_with_zstd_compression'
        , top_5_sample_data
        ,'parquet'
        ,'zstd')
      FROM (SELECT * FROM sample_data LIMIT 5) AS top_5_sample_data;`)
    const rows = (path: string) => `
      SELECT * FROM azure_storage.blob_get('<account_name>','<container_name>','${path}', NULL::sample_data, 'parquet')`
    expect(await run(rows('sample_data_copy.parquet'))).toBe(await run('SELECT * FROM sample_data LIMIT 5'))
    expect(await run(rows('sample_parquet_data_copy_without_extension_with_zstd_compression'))).toBe(
      await run('SELECT * FROM sample_data LIMIT 5'),
    )
  })

  it.runIf(server.version === 18)('imports three million flights', async () => {
    await stack.put('flights-3m.parquet', await readFile(FLIGHTS))
    await run(`
      CREATE UNLOGGED TABLE flights (date timestamp, delay int, distance int, origin text, destination text);
      COPY flights FROM 'https://<account_name>.blob.core.windows.net/<container_name>/flights-3m.parquet'`)
    expect(await run("SELECT count(*), count(DISTINCT origin) > 100, min(date) >= '2001-01-01' FROM flights")).toBe(
      '3000000|t|t\n',
    )
  })
})
