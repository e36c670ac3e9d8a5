import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { busyEngines } from '../support/engines.ts'
import { namesIn } from '../support/private-folder.ts'
import { azurite, servers } from '../support/servers.ts'
import { type StalledStorage, startStalledStorage } from '../support/stalled-storage.ts'

const HEAD = `HTTP/1.1 206 OK\r\nContent-Length: 1000000\r\nContent-Range: bytes 0-999999/1000000\r\nETag: "x"\r\nx-ms-blob-type: BlockBlob\r\n\r\nPAR1`
/** By then each statement is in the middle of what it is named for. */
const UNDER_WAY_MS = 600

describe.each(servers)('Parquet that is interrupted, on PostgreSQL $version', server => {
  let storage: StalledStorage
  let stack: CopyStack
  const tempDir = mkdtempSync(join(tmpdir(), 'blobgres-interrupted-'))
  const stalled = { ...account, name: 'stalled' }
  beforeAll(async () => {
    storage = await startStalledStorage(HEAD)
    stack = await startCopyStack(server, {
      tempDir,
      storageEndpoints: {
        defaultTemplate: azurite.endpointTemplate,
        accounts: new Map([[stalled.name, storage.endpointTemplate.replace('{account}', stalled.name)]]),
      },
    })
    await stack.client.query(`SELECT azure_storage.account_add('${stalled.name}', '${stalled.key}')`)
    await stack.client.query(`
      CREATE TABLE t (a int, b text);
      CREATE VIEW big AS SELECT a, md5(a::text) AS b FROM (SELECT generate_series(1, 100000000) AS a) AS s;
      CREATE VIEW lot AS SELECT a, repeat(md5(a::text), 10) AS b FROM generate_series(1, 100000) AS a;
      CREATE TABLE slow (a int, b text);
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN new; END';
      CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait();
      COPY lot TO '${stack.blobUrl('some.parquet')}'`)
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
    expect(namesIn(tempDir)).toEqual([])
    rmSync(tempDir, { recursive: true })
  })

  const alive = async (client: pg.Client) => {
    for (const table of ['t', 'slow']) {
      expect((await client.query(`SELECT count(*)::int AS n FROM ${table}`)).rows).toEqual([{ n: 0 }])
    }
  }
  const cancel = (client: pg.Client) => {
    const canceller = new pg.Client({ connectionString: stack.url() })
    ;(canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
      client,
      (client as unknown as { _activeQuery?: unknown })._activeQuery,
    )
  }
  const away = `https://${stalled.name}.blob.core.windows.net/box/a.parquet`
  const statements: [string, () => string][] = [
    ['COPY, spooling', () => `COPY t FROM '${away}'`],
    ['COPY, decoding', () => `COPY slow FROM '${stack.blobUrl('some.parquet')}'`],
    ['COPY, encoding', () => `COPY big TO '${stack.blobUrl('big.parquet')}'`],
    ['COPY, uploading', () => `COPY lot TO '${away}'`],
    [
      'blob_get, spooling',
      () => `SELECT * FROM azure_storage.blob_get('${stalled.name}', 'box', 'a.parquet', NULL::t)`,
    ],
    [
      'blob_put, encoding',
      () =>
        `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'put.parquet', big) FROM big`,
    ],
    ['blob_put, uploading', () => `SELECT azure_storage.blob_put('${stalled.name}', 'box', 'a.parquet', lot) FROM lot`],
  ]

  it.each(statements)('%s', async (name, statement) => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => stack.connect()))
    const [cancelled, late, abandoned] = clients as [pg.Client, pg.Client, pg.Client]
    const pids = await Promise.all(
      clients.map(async client => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
    )
    await late.query(`SET statement_timeout = ${UNDER_WAY_MS}`)
    const running = clients.map(client => errorOf(client.query(statement())))
    await sleep(UNDER_WAY_MS)
    cancel(cancelled)
    ;(abandoned as unknown as { connection: { stream: Socket } }).connection.stream.resetAndDestroy()
    await adminQuery(server, `SELECT pg_terminate_backend(${pids[3]})`)
    expect(await Promise.all(running)).toMatchObject([
      { code: '57014', message: 'canceling statement due to user request' },
      { code: '57014', message: 'canceling statement due to statement timeout' },
      { message: expect.stringMatching(/terminated|reset/) },
      { message: expect.stringMatching(/terminat/) },
    ])
    await Promise.all([cancelled, late].map(alive))
    // What a backend has in its socket already, it takes in, whoever has gone.
    const ending = name === 'COPY, decoding' ? pids.slice(3) : pids.slice(2)
    await expect
      .poll(
        async () => {
          const left = `SELECT FROM pg_stat_activity WHERE pid IN (${ending})`
          return [(await adminQuery(server, left)).rowCount, busyEngines(), namesIn(tempDir).length]
        },
        { timeout: 15_000 },
      )
      .toEqual([0, 0, 0])
  })

  it('leaves no blob', async () => {
    for (const name of ['big.parquet', 'put.parquet']) expect(await stack.exists(name)).toBe(false)
  })
})
