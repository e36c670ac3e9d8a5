import { availableParallelism } from 'node:os'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { BusyPoll } from '../../src/session/busy-poll.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers, type TestServer } from '../support/servers.ts'

const asked = vi.spyOn(BusyPoll.prototype, 'asked')
const answered = vi.spyOn(BusyPoll.prototype, 'answered')
let stack: CopyStack
beforeAll(async () => {
  stack = await startCopyStack(servers[1] as TestServer, { workers: 1 })
})
afterAll(async () => {
  vi.restoreAllMocks()
  await stack.close()
})
beforeEach(async () => {
  await expect.poll(() => answered.mock.calls.length).toBe(asked.mock.calls.length)
  asked.mockClear()
  answered.mockClear()
})

const turns = (): number[] => [asked.mock.calls.length, answered.mock.calls.length]

it('a query is a turn, whatever its messages and those of its answer', async () => {
  await stack.client.query('SELECT 1')
  expect(turns()).toEqual([1, 1])
  await stack.client.query("SELECT $1::int, repeat('x', 1000) FROM generate_series(1, 10000)", [1])
  expect(turns()).toEqual([2, 2])
})

it('a turn is over with the session', async () => {
  const client = await stack.connect()
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
  const sleeping = client.query('SELECT pg_sleep(60)').catch(() => {})
  await expect.poll(turns).toEqual([2, 1])
  await stack.client.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
  await sleeping
  await expect.poll(turns).toEqual([3, 3])
})

it.skipIf(availableParallelism() === 1)('a proxy polls between turns where it is told to, and only there', async () => {
  const polls: number[] = []
  for (const busyPollMicroseconds of [0, 9999]) {
    const { url, close } = await startCopyStack(servers[1] as TestServer, { workers: 1, busyPollMicroseconds })
    const client = new pg.Client({ connectionString: url() })
    await client.connect()
    for (let i = 0; i < 30; i++) await client.query('SELECT 1')
    const immediate = vi.spyOn(globalThis, 'setImmediate')
    for (let i = 0; i < 30; i++) await client.query('SELECT 1')
    polls.push(immediate.mock.calls.length)
    immediate.mockRestore()
    await client.end()
    await close()
  }
  expect(polls[0]).toBe(0)
  expect(polls[1]).toBeGreaterThan(30)
})
