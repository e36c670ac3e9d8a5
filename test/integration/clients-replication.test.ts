import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, createDatabase } from '../support/database.ts'
import { giveToPostgres, type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { describeWith } from '../support/tools.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const run = promisify(execFile)

/** Slots and backups are the whole server's, so it is one of the test's own. The programs' version is 15. */
describeWith('pg_recvlogical').each([15, 18] as const)('Replication on PostgreSQL %i', version => {
  let server: OwnServer
  let stack: CopyStack
  let dir: string
  beforeAll(async () => {
    server = await startOwnServer(version)
    stack = await startCopyStack(server)
    dir = await mkdtemp(join(tmpdir(), 'blobgres-backup-'))
    await giveToPostgres(dir)
    await stack.put('two.csv', '1\n2\n')
    await stack.client.query('CREATE TABLE t (a int)')
  })
  afterAll(async () => {
    await stack.close()
    await server.stop()
    await rm(dir, { recursive: true })
  })

  const importing = (): Promise<unknown> => stack.client.query(`COPY t FROM '${stack.blobUrl('two.csv')}'`)
  const rows = async (): Promise<unknown> =>
    (await adminQuery(server, 'SELECT count(*)::int AS n FROM t', subscriber)).rows[0].n
  let subscriber: string

  test('pg_recvlogical, and a subscription, get what is imported', async () => {
    const options = ['-d', stack.url(), '--slot', 'decoded']
    await run('pg_recvlogical', [...options, '--create-slot', '-P', 'test_decoding'])
    const receiver = spawn('pg_recvlogical', [
      ...options,
      '--start',
      '--no-loop',
      '-f',
      '-',
      '-o',
      'skip-empty-xacts=1',
    ])
    let received = ''
    let complaint = ''
    receiver.stdout.on('data', chunk => {
      received += chunk
    })
    receiver.stderr.on('data', chunk => {
      complaint += chunk
    })
    const target = await createDatabase(server)
    subscriber = target.name
    await adminQuery(server, 'CREATE TABLE t (a int)', subscriber)
    await stack.client.query('CREATE PUBLICATION p FOR TABLE t')
    await stack.client.query("SELECT pg_create_logical_replication_slot('subscribed', 'pgoutput')")
    await adminQuery(
      server,
      `CREATE SUBSCRIPTION s CONNECTION '${stack.url()}' PUBLICATION p
           WITH (create_slot = false, slot_name = 'subscribed', copy_data = false)`,
      subscriber,
    )
    await importing()
    await vi.waitFor(() => expect(received).toContain('table public.t: INSERT: a[integer]:2'), 10_000)
    await vi.waitFor(async () => expect(await rows()).toBe(2), { timeout: 10_000, interval: 100 })
    expect(complaint).toBe('')

    const ended = once(receiver, 'close')
    const closed = stack.proxy.close(20_000)
    await ended
    expect(complaint).toContain('terminating connection due to administrator command')
    await closed
    await adminQuery(server, 'ALTER SUBSCRIPTION s DISABLE', subscriber)
    await adminQuery(server, 'ALTER SUBSCRIPTION s SET (slot_name = NONE)', subscriber)
    await adminQuery(server, 'DROP SUBSCRIPTION s', subscriber)
    await target.drop()
    const drop = 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active'
    await vi.waitFor(async () => expect((await adminQuery(server, drop)).rowCount).toBe(2), 5000)
  })

  async function copying(): Promise<void> {
    const progress = "SELECT FROM pg_stat_progress_basebackup WHERE phase = 'streaming database files'"
    await vi.waitFor(async () => expect((await adminQuery(server, progress)).rowCount).toBe(1), 10_000)
  }

  test('a backup is finished though the proxy is shut down meanwhile', async () => {
    const other = await startCopyStack(server)
    const client = await WireClient.connect(other.url(), { replication: 'true' })
    client.send(wire.query("BASE_BACKUP (LABEL 'l', CHECKPOINT 'fast', MAX_RATE 30720)"))
    await copying()
    const closed = other.proxy.close(20_000)
    const types = (await client.until('EOF')).map(line => line.split(' ')[0])
    expect(types.join('').replaceAll(/d+/g, 'd')).toBe('TDCTDCHdNcTDCCZEEOF')
    await closed
    await other.close()
  })

  // pg_basebackup refuses a server that is newer than itself.
  test.runIf(version === 15)('pg_basebackup makes a copy that starts', async () => {
    const other = await startCopyStack(server)
    await other.client.query('CREATE TABLE kept AS SELECT 7 AS a')
    const { hostname, port } = new URL(other.url())
    const target = join(dir, 'backup')
    const options = ['-X', 'stream', '-c', 'fast', '--no-sync', '--max-rate', '30M']
    await run('pg_basebackup', ['-h', hostname, '-p', port, '-U', 'postgres', '-D', target, ...options])
    await run('chown', ['-R', '--reference', dir, target])
    const copy = await startOwnServer(version, target)
    expect((await adminQuery(copy, 'TABLE kept', other.database.name)).rows).toEqual([{ a: 7 }])
    await copy.stop()
    await other.close()
  })
})
