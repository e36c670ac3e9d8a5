import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const ROWS = 50_000

describe.each(servers)('faults that are asked for, on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  let ways: Record<string, string>
  beforeAll(async () => {
    stack = await startCopyStack(server, { ownSchema: true })
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.client.query(`CREATE TABLE t (a int); CREATE TABLE one AS SELECT 1 AS a; SET blobgres.extras = on`)
    const rows = Array.from({ length: ROWS }, (_, i) => `${i}\n`).join('')
    const [from, to] = [await stack.put('in.csv', rows), stack.blobUrl('out.csv')]
    await stack.client.query(`COPY one TO '${stack.blobUrl('in.parquet')}'`)
    ways = {
      'COPY FROM': `COPY t FROM '${from}'`,
      'COPY FROM in a function': `DO $$ BEGIN COPY t FROM '${from}'; END $$`,
      'COPY FROM with REJECT_LIMIT': `COPY t FROM '${from}' (ON_ERROR ignore, REJECT_LIMIT 1)`,
      'COPY FROM of Parquet': `COPY t FROM '${stack.blobUrl('in.parquet')}'`,
      blob_get: `INSERT INTO t SELECT * FROM azure_storage.blob_get(${args}, 'in.csv') AS b (a int)`,
      'COPY TO': `COPY one TO '${to}'`,
      'COPY TO in a function': `DO $$ BEGIN COPY one TO '${to}'; END $$`,
      blob_put: `SELECT azure_storage.blob_put(${args}, 'out.csv', one) FROM one`,
      blob_list: `SELECT * FROM azure_storage.blob_list(${args}, 'in')`,
    }
  })
  afterEach(async () => {
    await stack.client.query('SELECT blobgres.clear(); TRUNCATE t')
    await stack.client.query('RESET statement_timeout')
  })
  afterAll(() => stack.close())

  const inject = (fault: string, times = 1) =>
    stack.client.query(`SELECT blobgres.inject($1, ${args}, '*', $2)`, [fault, times])
  const faults = async () => (await stack.client.query('SELECT * FROM blobgres.faults()')).rows
  const isReading = (way: string): boolean => /FROM|get/.test(way)
  const failure = (way: string, what: string): string => {
    const operation = way === 'blob_list' ? 'list' : isReading(way) ? 'download' : 'upload'
    return `The ${operation} failed for storage account "${account.name}": ${what}`
  }

  const unavailable = { code: '08001', message: 'azure_storage: internal error while connecting' }
  const cases: Record<string, (way: string) => { code: string; message: string; what: string } | undefined> = {
    denied: () => ({
      code: '42501',
      message: 'azure_storage: Permission is not sufficient to perform requested operation',
      what: 'AuthorizationPermissionMismatch (HTTP status 403, request ID ',
    }),
    unavailable: () => ({ ...unavailable, what: 'ServerBusy (HTTP status 503, request ID ' }),
    truncated: () => ({ ...unavailable, what: 'the connection was closed before the end.' }),
    not_found: way => {
      const [what, code] = isReading(way) ? ['blob', 'BlobNotFound'] : ['container', 'ContainerNotFound']
      return {
        code: '58P01',
        message: `azure_storage: ${what} with the given name does not exist`,
        what: `${code} (HTTP status 404, request ID `,
      }
    },
    leased: way =>
      isReading(way) || way === 'blob_list'
        ? undefined
        : {
            code: '55006',
            message: 'azure_storage: the blob is leased by someone else',
            what: 'LeaseIdMissing (HTTP status 412, request ID ',
          },
  }
  describe.each(Object.keys(cases))('%s', fault => {
    it('fails each way once, as storage does, and leaves nothing behind', async () => {
      for (const [way, statement] of Object.entries(ways)) {
        await inject(fault)
        const expected = cases[fault]?.(way)
        if (expected !== undefined) {
          const { what, ...fields } = expected
          const detail = expect.stringContaining(failure(way, what))
          const error = await errorOf(stack.client.query(statement))
          expect({ way, ...error, message: error.message }).toMatchObject({ way, ...fields, detail })
          expect((await stack.client.query('SELECT FROM t')).rowCount).toBe(0)
          expect(await stack.exists('out.csv')).toBe(false)
          expect(await faults()).toEqual([])
        }
        await stack.client.query(statement)
        await stack.client.query('TRUNCATE t; SELECT blobgres.clear()')
        await stack.container.deleteBlob('out.csv').catch(() => {})
      }
    })
  })

  it('slow: until statement_timeout, or until it is cancelled', async () => {
    const observer = await stack.connect()
    for (const [way, statement] of Object.entries(ways)) {
      await inject('slow', 2)
      await stack.client.query("SET statement_timeout = '300ms'")
      expect({ way, ...(await errorOf(stack.client.query(statement))) }).toMatchObject({ way, code: '57014' })
      await stack.client.query('RESET statement_timeout')
      const running = errorOf(stack.client.query(statement))
      // What has taken the fault is waiting.
      const left = async () => (await observer.query('SELECT FROM blobgres.faults()')).rowCount
      await expect.poll(left).toBe(0)
      await cancel(stack)
      expect({ way, ...(await running) }).toMatchObject({ way, code: '57014' })
    }
  })
})

/** As psql does at Ctrl-C. */
async function cancel({ client, url }: CopyStack): Promise<void> {
  type Cancelling = { cancel(client: pg.Client, query: unknown): void; _activeQuery?: unknown }
  const canceller = new pg.Client({ connectionString: url() }) as unknown as Cancelling
  canceller.cancel(client, (client as unknown as Cancelling)._activeQuery)
}
