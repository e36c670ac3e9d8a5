import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as arrow from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { byArrow, byHyparquet, field, mapOf } from '../support/foreign-parquet.ts'
import { servers } from '../support/servers.ts'

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../fixtures/parquet-testing', name))
const NOON = Date.UTC(2024, 6, 1, 12)

const measured = new arrow.Struct([
  field(new arrow.Float64(), 'price'),
  field(new arrow.Binary(), 'raw'),
  field(new arrow.TimestampMillisecond('UTC'), 'at'),
  field(new arrow.Int32(), 'PRICE'),
])

const FILES: Readonly<Record<string, Buffer>> = {
  'converted.parquet': byHyparquet({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }, [BigInt(NOON)]),
  'doubles.parquet': byHyparquet({ type: 'DOUBLE' }, [1e15, 1e16, 1234567890123456800]),
  'large.parquet': byHyparquet({ type: 'DOUBLE' }, [1e19]),
  'structs.parquet': byArrow(measured, [{ price: Number.NaN, raw: Uint8Array.of(1, 255), at: NOON, PRICE: 1 }]),
  'durations.parquet': byArrow(new arrow.DurationMillisecond(), [90_061_500n]),
  'map.parquet': byArrow(mapOf(new arrow.Utf8(), new arrow.Utf8()), [
    new Map([
      ['a"\\', '1'],
      ['b', null],
    ]),
  ]),
  'int96.parquet': fixture('int96_from_spark.parquet'),
  'encrypted.parquet': fixture('uniform_encryption.parquet.encrypted'),
}

describe.each(servers)('files of others on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    for (const [name, bytes] of Object.entries(FILES)) {
      await stack.container.getBlockBlobClient(name).uploadData(bytes)
    }
  })
  afterAll(() => stack.close())

  /** What blob_get and COPY FROM make of the only column; they are to be the same. */
  async function valuesOf(name: string, type: string, shown = 'v::text'): Promise<unknown[]> {
    const { client } = stack
    const got = await client.query(
      `SELECT ${shown} AS s FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${name}') AS t(v ${type})`,
    )
    await client.query(`DROP TABLE IF EXISTS f; CREATE TEMP TABLE f (v ${type})`)
    await client.query(`COPY f FROM '${stack.blobUrl(name)}'`)
    const copied = await client.query(`SELECT ${shown} AS s FROM f`)
    expect(copied.rows).toEqual(got.rows)
    return got.rows.map(({ s }) => s)
  }

  it.each(['UTC', 'Asia/Tokyo', 'America/St_Johns'])('instants in a session in %s', async zone => {
    await stack.client.query(`SET TimeZone = '${zone}'`)
    const utc = "(v AT TIME ZONE 'UTC')::text"
    expect(await valuesOf('converted.parquet', 'timestamptz', utc)).toEqual(['2024-07-01 12:00:00'])
    expect(await valuesOf('converted.parquet', 'timestamp')).toEqual(['2024-07-01 12:00:00'])
    expect((await valuesOf('int96.parquet', 'timestamptz', utc)).slice(0, 3)).toEqual([
      '2024-01-01 20:34:56.123456',
      '2024-01-01 01:00:00',
      '9999-12-31 03:00:00',
    ])
    await stack.client.query('RESET TimeZone')
  })

  it('whole doubles into integers', async () => {
    const cast = await stack.client.query(
      "SELECT v::bigint::text AS s FROM unnest('{1e15,1e16,1234567890123456800}'::float8[]) AS v",
    )
    expect(await valuesOf('doubles.parquet', 'bigint')).toEqual(cast.rows.map(({ s }) => s))
    const { client, container } = stack
    const get = `SELECT * FROM azure_storage.blob_get('${account.name}', '${container.containerName}', 'large.parquet')`
    expect(await errorOf(client.query(`${get} AS t(v bigint)`))).toMatchObject({ code: '22003' })
  })

  it('structs as json are what to_jsonb makes of the same values', async () => {
    const { rows } = await stack.client.query(`
      SELECT to_jsonb(q)::text AS s FROM (
        SELECT 'NaN'::float8 AS price, '\\x01ff'::bytea AS raw, '2024-07-01 12:00:00+00'::timestamptz AS at, 1 AS "PRICE"
      ) AS q`)
    await stack.client.query("SET TimeZone = 'UTC'")
    expect(await valuesOf('structs.parquet', 'jsonb')).toEqual([rows[0].s])
  })

  it('durations', async () => {
    expect(await valuesOf('durations.parquet', 'interval')).toEqual(['25:01:01.5'])
  })

  it('a map into hstore, json and text', async () => {
    await stack.client.query('CREATE EXTENSION hstore')
    expect(await valuesOf('map.parquet', 'hstore')).toEqual(['"b"=>NULL, "a\\"\\\\"=>"1"'])
    expect(await valuesOf('map.parquet', 'jsonb')).toEqual(['{"b": null, "a\\"\\\\": "1"}'])
    expect(await valuesOf('map.parquet', 'text')).toEqual(['{"a\\"\\\\":"1","b":null}'])
  })

  it('but not into a row type, whose columns are always the same', async () => {
    await stack.client.query('CREATE TYPE pair AS (key text, value int)')
    for (const type of ['pair', 'int[]']) {
      expect(await errorOf(valuesOf('map.parquet', type))).toMatchObject({
        code: '0A000',
        message: `azure_storage: a map of the Parquet file cannot be read as ${type === 'pair' ? 'record' : 'int4[]'}`,
        hint: expect.stringContaining('hstore'),
      })
    }
    expect(await valuesOf('map.parquet', 'pair[]')).toHaveLength(1)
  })

  it('encrypted files', async () => {
    await stack.client.query('CREATE TEMP TABLE e (v int)')
    expect(await errorOf(stack.client.query(`COPY e FROM '${stack.blobUrl('encrypted.parquet')}'`))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: the Parquet file is encrypted',
    })
  })

  it('a table without columns is not written', async () => {
    await stack.client.query('CREATE TEMP TABLE nothing (); INSERT INTO nothing DEFAULT VALUES')
    expect(await errorOf(stack.client.query(`COPY nothing TO '${stack.blobUrl('nothing.parquet')}'`))).toMatchObject({
      code: '0A000',
      message: 'azure_storage: Parquet cannot hold rows without columns',
    })
  })
})
