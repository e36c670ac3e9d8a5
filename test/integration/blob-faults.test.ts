import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack, withoutAcceleration } from '../support/copy-stack.ts'
import { type Relay, startLoopbackRelay } from '../support/relay.ts'
import { servers } from '../support/servers.ts'
import { cancelPacket } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const CANCELLED = { code: '57014', message: 'canceling statement due to user request' }
const TIMED_OUT = { code: '57014', message: 'canceling statement due to statement timeout' }

describe.each(servers)('a blob_put whose statement fails between two rows, on PostgreSQL $version', server => {
  let stack: CopyStack
  let relay: Relay
  let args: string
  beforeAll(async () => {
    const started = await startLoopbackRelay()
    relay = started.relay
    stack = await startCopyStack(server, started.config)
    await withoutAcceleration(stack)
    args = `'${account.name}', '${stack.container.containerName}'`
  })
  beforeEach(async () => {
    await stack.put('old.csv', 'old')
  })
  afterAll(async () => {
    await stack.close()
    await relay.close()
  })
  // The proxy looks each second; a first second's silence is not worth a look.
  afterEach(async () => {
    await expect.poll(() => relay.open).toBe(0)
    expect(await stack.get('old.csv')).toBe('old')
  })

  /** 100 rows of 1 kB at once, and then nothing for long. */
  const slow = (seconds = 20) => `SELECT azure_storage.blob_put(${args}, 'old.csv', q)
    FROM (SELECT g, repeat('x', 1000) AS x, CASE WHEN g > 100 THEN pg_sleep(${seconds}) END AS s FROM generate_series(1, 101) g) q`
  const goesOn = async (client: pg.Client, path: string): Promise<void> => {
    await client.query(`SELECT azure_storage.blob_put(${args}, '${path}', q) FROM (SELECT 1 AS a) q`)
    expect(await stack.get(path)).toBe('1\n')
  }
  const backendToEnd = async (pid: number): Promise<void> => {
    const backend = () => stack.client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])
    await expect.poll(async () => (await backend()).rowCount).toBe(0)
  }

  test('pg_cancel_backend', async () => {
    const client = await stack.connect()
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const running = errorOf(client.query(slow()))
    await expect.poll(() => relay.open).toBe(1)
    await sleep(200)
    await stack.client.query('SELECT pg_cancel_backend($1)', [pid])
    expect(await running).toMatchObject(CANCELLED)
    await expect.poll(() => relay.open).toBe(0)
    await goesOn(client, 'cancelled.csv')
  })

  test('a request to cancel', async () => {
    const client = await WireClient.connect(stack.url())
    const running = client.query(slow())
    await expect.poll(() => relay.open).toBe(1)
    await sleep(200)
    const canceller = await WireClient.open(stack.url())
    canceller.send(cancelPacket(client.key))
    expect(await running).toContainEqual(`E ERROR ${CANCELLED.code} ${CANCELLED.message}`)
    await canceller.until('EOF')
    expect(await client.value('SELECT 1')).toBe('1')
    await expect.poll(() => relay.open).toBe(0)
    await client.close()
  })

  test('statement_timeout', async () => {
    const client = await stack.connect()
    await client.query("SET statement_timeout = '300ms'")
    expect(await errorOf(client.query(slow()))).toMatchObject(TIMED_OUT)
    await goesOn(client, 'timeout.csv') // at once: the dead upload is closed by the next
  })

  test('pg_terminate_backend', async () => {
    const client = await stack.connect()
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const running = errorOf(client.query(slow()))
    await expect.poll(() => relay.open).toBe(1)
    await stack.client.query('SELECT pg_terminate_backend($1)', [pid])
    expect(await running).toMatchObject({ code: '57P01' })
  })

  test('a client that is killed: the backend makes its next row, and then ends', async () => {
    const client = await WireClient.connect(stack.url())
    const { pid } = client
    void client.query(slow(1))
    await expect.poll(() => relay.open).toBe(1)
    client.kill('reset')
    await backendToEnd(pid)
  })

  test('a client that is killed before its function has reached the proxy', async () => {
    const client = await WireClient.connect(stack.url())
    const { pid } = client
    relay.hold() // it can only connect
    void client.query(slow(0))
    // For an answer: other proxies connect too, to see who is there.
    const waits = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active' AND wait_event = 'PgSleep'`
    await expect.poll(async () => (await stack.client.query(waits)).rowCount).toBe(1)
    client.kill('reset')
    await stack.client.query('SELECT 1') // when this is answered, the proxy has seen the reset, too
    relay.release()
    await backendToEnd(pid)
  })

  test('in a procedure, what failed is closed by the next transaction', async () => {
    const client = await stack.connect()
    const failing = `PERFORM azure_storage.blob_put(${args}, 'old.csv', q) FROM (SELECT 1 / (2 - g) AS x FROM generate_series(1, 2) g) q`
    const { opened } = relay
    await client.query(`DO $$ BEGIN
      FOR i IN 1 .. 20 LOOP
        BEGIN ${failing}; EXCEPTION WHEN division_by_zero THEN NULL; END;
        COMMIT;
      END LOOP;
      PERFORM azure_storage.blob_put(${args}, 'good.csv', q) FROM (SELECT 1 AS a) q;
    END $$`)
    expect(relay.opened - opened).toBeGreaterThanOrEqual(21) // and other tests' proxies that look who is there
    // One may be heard of after the next.
    expect(relay.mostOpen).toBeLessThan(5)
    expect(await stack.get('good.csv')).toBe('1\n')
  })

  test('a long silence alone is no failure, whatever the server tells of its statements', async () => {
    const silent = (path: string) => `SELECT azure_storage.blob_put(${args}, '${path}', q)
      FROM (SELECT g, pg_sleep(g - 1) FROM generate_series(1, 3.5, 2.5) g) q`
    const secretive = await stack.connect()
    await secretive.query('SET track_activities = off')
    const open = await stack.connect()
    await Promise.all([open.query(silent('open.csv')), secretive.query(silent('secretive.csv'))])
    expect(await stack.get('open.csv')).toBe(await stack.get('secretive.csv'))
  })
})
