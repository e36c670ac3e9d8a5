import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampleCsv, sampleParquet } from '../../src/dev/samples.ts'
import { inferCommand } from '../../src/infer/command.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { azurite, servers } from '../support/servers.ts'

const DATA = new URL('../../node_modules/vega-datasets/data/', import.meta.url)
const FILES = readdirSync(DATA).filter(name => /\.(csv|tsv|json|parquet)$/.test(name))
/** Three million rows: once will do. */
const LARGE = 'flights-3m.parquet'

/** Another reader's count of the rows. */
const rowsOf = (bytes: Buffer, delimiter: string): number => parse(bytes, { delimiter }).length - 1

describe.each(servers)('infer on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  /** Runs what is printed; resolves to the number of rows that the table has then. */
  async function load(name: string, contents: Buffer): Promise<number> {
    const url = await stack.put(name, contents)
    const endpoints = { defaultTemplate: azurite.endpointTemplate, accounts: new Map() }
    const script = await inferCommand(url, { endpoints, secretOf: () => account.key, table: 'loaded', full: true })
    await stack.client.query(`DROP TABLE IF EXISTS loaded; ${script}`)
    return Number((await stack.client.query('SELECT count(*) FROM loaded')).rows[0].count)
  }

  it.each(FILES.filter(name => name !== LARGE || server.version === 18))(
    'makes a table of %s that takes every row',
    async name => {
      const contents = readFileSync(new URL(name, DATA))
      const rows = name.endsWith('.csv')
        ? rowsOf(contents, ',')
        : name.endsWith('.tsv')
          ? rowsOf(contents, '\t')
          : undefined
      expect(await load(name, contents)).toBe(rows ?? (name.endsWith('.json') ? 1 : 3_000_000))
    },
  )

  it.each([
    ['storage_extension_sample.csv.gz', () => gzipSync(sampleCsv())],
    ['csv_without_extension', sampleCsv],
    ['storage_extension_sample.parquet', sampleParquet],
    ['parquet_without_extension', sampleParquet],
  ])('makes the table of the sample out of %s', async (name, contents) => {
    expect(await load(name, await contents())).toBe(1000)
    const { rows } = await stack.client.query(
      "SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum) AS columns FROM pg_attribute WHERE attrelid = 'loaded'::regclass AND attnum > 0",
    )
    expect(rows[0].columns).toEqual([
      expect.stringMatching(/^id (integer|bigint)$/),
      'sample_text text',
      'sample_integer integer',
      'sample_timestamp timestamp without time zone',
    ])
  })
})
