import v8 from 'node:v8'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Session } from '../../src/session/session.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers, type TestServer } from '../support/servers.ts'

let stack: CopyStack
beforeAll(async () => {
  stack = await startCopyStack(servers[1] as TestServer)
  await stack.client.query('CREATE TABLE t (a int)')
})
afterAll(() => stack.close())

/** Collects garbage first. */
const sessionsInMemory = (): number => (v8 as unknown as { queryObjects(of: unknown): number }).queryObjects(Session)

it('nothing is kept in memory of sessions that are over, whoever ended them', async () => {
  const before = sessionsInMemory()
  const copy = `COPY t FROM '${await stack.put('rows.csv', '1\n'.repeat(1000))}'; SELECT pg_sleep(60)`
  for (const end of ['client', 'reset', 'backend'] as const) {
    for (let i = 0; i < 5; i++) await endSession(end, end === 'client' ? 'SELECT 1' : copy)
  }
  await expect.poll(sessionsInMemory, { timeout: 10_000, interval: 500 }).toBeLessThanOrEqual(before)
})

async function endSession(by: 'client' | 'reset' | 'backend', statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: stack.url() })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  const result = client.query(statement).catch(() => {})
  if (by === 'backend') await stack.client.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
  if (by === 'reset') {
    ;(client as unknown as { connection: { stream: { resetAndDestroy(): void } } }).connection.stream.resetAndDestroy()
    return
  }
  await result
  await client.end()
}
