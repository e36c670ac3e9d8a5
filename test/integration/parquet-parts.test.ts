import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writeParquet } from '../../src/formats/parquet/write-parquet.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { busyEngines } from '../support/engines.ts'
import { columns, scalar } from '../support/parquet-files.ts'
import { type PartedStorage, startPartedStorage } from '../support/parted-storage.ts'
import { namesIn } from '../support/private-folder.ts'
import { Random } from '../support/random.ts'
import { azurite, servers } from '../support/servers.ts'

const MEBIBYTE = 1024 * 1024
const ROWS = 12_288
const ROWS_OF_GROUP = 2048

/** 24 MiB, in row groups of 4 MiB. */
async function largeFile(): Promise<Buffer> {
  const random = new Random(17)
  const row = (_: unknown, i: number): string => `${i}\t${random.bytes(1024).toString('hex')}\n`
  const encoder = writeParquet(columns({ a: scalar('int4'), b: scalar('text') }), 'none', {
    rowGroupSize: ROWS_OF_GROUP,
  })
  encoder.end(Array.from({ length: ROWS }, row).join(''))
  return buffer(encoder)
}

describe.each(servers)('A Parquet blob whose end is a long time coming, on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: PartedStorage
  let file: Buffer
  let url: string
  const tempDir = mkdtempSync(join(tmpdir(), 'blobgres-parts-'))
  beforeAll(async () => {
    file = await largeFile()
  })
  beforeEach(async () => {
    storage = await startPartedStorage(azurite, 15 * MEBIBYTE, file.length - MEBIBYTE)
    stack = await startCopyStack(server, {
      tempDir,
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.put('large.parquet', file)
    url = `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/large.parquet`
    await stack.client.query('CREATE TABLE t (a int, b text)')
  })
  afterEach(async () => {
    await stack.close()
    await storage.close()
    expect(namesIn(tempDir)).toEqual([])
    await expect.poll(busyEngines).toBe(0)
  })
  afterAll(() => rmSync(tempDir, { recursive: true }))

  /** Of the COPY that is under way. */
  const rowsSoFar = async (): Promise<number> => {
    const { rows } = await adminQuery(server, 'SELECT tuples_processed::int AS n FROM pg_stat_progress_copy')
    return rows[0]?.n ?? 0
  }
  const bytesOnDisk = (): number => {
    const folders = readdirSync(tempDir).map(folder => join(tempDir, folder))
    const paths = folders.flatMap(folder => readdirSync(folder).map(name => join(folder, name)))
    return paths.reduce((sum, path) => sum + 512 * (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0), 0)
  }
  const inTable = async (): Promise<unknown> =>
    (await stack.client.query('SELECT count(*)::int AS rows, count(DISTINCT a)::int AS distinct FROM t')).rows[0]

  it('is in the table in part before; its files go as they are read', async () => {
    const copy = stack.client.query(`COPY t FROM '${url}'`)
    await storage.halted
    await expect.poll(rowsSoFar, { timeout: 15_000 }).toBeGreaterThan(ROWS_OF_GROUP)
    await expect.poll(bytesOnDisk).toBeLessThan(14 * MEBIBYTE)
    storage.goOn('pass')
    await copy
    expect(await inTable()).toEqual({ rows: ROWS, distinct: ROWS })
  })

  it('changes meanwhile: the COPY fails, with no row in the table', async () => {
    const copy = errorOf(stack.client.query(`COPY t FROM '${url}'`))
    await storage.halted
    await expect.poll(rowsSoFar, { timeout: 15_000 }).toBeGreaterThan(0)
    await stack.put('large.parquet', file.subarray(1))
    storage.goOn('pass')
    expect(await copy).toMatchObject({
      code: '55000',
      message: 'azure_storage: the blob was changed while it was read',
    })
    expect(await inTable()).toMatchObject({ rows: 0 })
  })

  it('does not come: the COPY fails, with no row in the table', async () => {
    const copy = errorOf(stack.client.query(`COPY t FROM '${url}'`))
    await storage.halted
    await expect.poll(rowsSoFar, { timeout: 15_000 }).toBeGreaterThan(0)
    storage.goOn('cut')
    expect(await copy).toMatchObject({ code: '08001' })
    expect(await inTable()).toMatchObject({ rows: 0 })
  })

  it('is given up', async () => {
    const { rows } = await stack.client.query('SELECT pg_backend_pid() AS pid')
    const copy = errorOf(stack.client.query(`COPY t FROM '${url}'`))
    await storage.halted
    await expect.poll(rowsSoFar, { timeout: 15_000 }).toBeGreaterThan(0)
    await adminQuery(server, `SELECT pg_cancel_backend(${rows[0].pid})`)
    expect(await copy).toMatchObject({ code: '57014' })
    expect(await inTable()).toMatchObject({ rows: 0 })
  })
})
