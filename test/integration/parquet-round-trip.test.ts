import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { copyIn, copyOut } from '../support/copy-queries.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { TYPED_VALUES, TYPES_SQL, typedRows } from '../support/typed-rows.ts'

const TYPES = Object.keys(TYPED_VALUES)
const ODD_STYLES = `SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape';
  SET extra_float_digits = -5; SET TimeZone = 'Africa/Monrovia'`

describe.each(servers)('every type through Parquet on PostgreSQL $version', server => {
  let stack: CopyStack
  let odd: pg.Client
  let original: Buffer
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query(`${TYPES_SQL}; CREATE TABLE t (id bigint, ${TYPES.map((type, i) => `c${i} ${type}`)})`)
    await copyIn(stack.client, 'COPY t FROM STDIN', typedRows(new Random(20_261_122), 300))
    original = await rowsOf(stack.client, 't')
    odd = await stack.connect()
    await odd.query(ODD_STYLES)
  })
  afterAll(() => stack.close())

  const rowsOf = (client: pg.Client, table: string) =>
    copyOut(client, `COPY (SELECT * FROM ${table} ORDER BY id) TO STDOUT (FORMAT binary)`)

  /** Byte for byte what binary COPY shows of the original; where not, which column it is. */
  const expectSame = async (client: pg.Client, table: string) => {
    if ((await rowsOf(client, table)).equals(original)) return
    for (const [i, type] of TYPES.entries()) {
      const columnOf = (name: string) =>
        copyOut(client, `COPY (SELECT c${i} FROM ${name} ORDER BY id) TO STDOUT (FORMAT binary)`)
      if ((await columnOf(table)).equals(await columnOf('t'))) continue
      const { rows } = await client.query(
        `SELECT t.c${i}::text AS original, b.c${i}::text AS back FROM t JOIN ${table} AS b USING (id)
         WHERE t.c${i}::text IS DISTINCT FROM b.c${i}::text LIMIT 3`,
      )
      expect.fail(`${type}: ${JSON.stringify(rows)}`)
    }
    expect.fail('there are other rows')
  }
  const inTable = async (client: pg.Client, fill: (table: string) => Promise<unknown>) => {
    await client.query('CREATE TEMP TABLE back (LIKE t)')
    try {
      await fill('back')
      await expectSame(client, 'back')
    } finally {
      await client.query('DROP TABLE back')
    }
  }

  it.each(['none', 'gzip', 'snappy', 'zstd', 'brotli', 'lz4'])('COPY, %s', async compression => {
    const { client } = stack
    const url = stack.blobUrl(`rows-${compression}`)
    expect((await client.query(`COPY t TO '${url}' (FORMAT 'parquet', COMPRESSION '${compression}')`)).rowCount).toBe(
      300,
    )
    await inTable(client, async table => {
      expect((await client.query(`COPY ${table} FROM '${url}' (FORMAT parquet)`)).rowCount).toBe(300)
    })
  })

  it('COPY in a session of other styles', async () => {
    const url = stack.blobUrl('odd.parquet')
    await odd.query(`COPY t TO '${url}'`)
    await inTable(odd, table => odd.query(`COPY ${table} FROM '${url}'`))
  })

  const get = (path: string, rec: string) =>
    `azure_storage.blob_get('${account.name}', '${stack.container.containerName}', '${path}', ${rec})`
  const put = (path: string, rows: string, more = '') =>
    `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', '${path}', r ${more}) FROM (${rows}) AS r`

  it('blob_put and blob_get of a row type', async () => {
    const { client } = stack
    await client.query(put('put.parquet', 'TABLE t').replace(' r ', ' r::t '))
    await inTable(client, table => client.query(`INSERT INTO ${table} SELECT * FROM ${get('put.parquet', 'NULL::t')}`))
  })

  it('blob_put and blob_get of a record without a type, in a session of other styles', async () => {
    await odd.query(put('anonymous', 'TABLE t', ", 'parquet', 'zstd'"))
    const columns = TYPES.map((type, i) => `c${i} ${type}`)
    await inTable(odd, table =>
      odd.query(`INSERT INTO ${table} SELECT * FROM ${get('anonymous', "'parquet'")} AS r (id bigint, ${columns})`),
    )
  })

  it('what one has written, the other reads', async () => {
    const { client } = stack
    await inTable(client, table => client.query(`COPY ${table} FROM '${stack.blobUrl('put.parquet')}'`))
    await inTable(client, table =>
      client.query(`INSERT INTO ${table} SELECT * FROM ${get('rows-zstd', "NULL::t, 'parquet'")}`),
    )
  })

  it('rows stay in their order', async () => {
    const { client } = stack
    await client.query(
      "CREATE VIEW many AS SELECT g AS id, repeat('x', g % 100) AS pad FROM generate_series(1, 300000) AS g",
    )
    await client.query(`COPY many TO '${stack.blobUrl('many.parquet')}'`)
    const { rows } = await client.query(
      `SELECT count(*)::int AS n, bool_and(id = ordinality) AS ordered
       FROM ROWS FROM (${get('many.parquet', "'auto'")} AS (id int, pad text)) WITH ORDINALITY`,
    )
    expect(rows).toEqual([{ n: 300_000, ordered: true }])
  })
})
