import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { MemoryBudget } from '../../src/memory-budget.ts'
import { rowsAsParameters } from '../../src/operations/binary-parameters.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

const INT4 = 23
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const rows = (count: number): Buffer =>
  Buffer.concat([HEADER, Buffer.from(`${'00010000000400000001'.repeat(count)}ffff`, 'hex')])

it.each(servers)('Rows as parameters may be left while the server sends them: PostgreSQL $version', async server => {
  const admin = await connectAdmin(testConfig(server).backend)
  const memory = new MemoryBudget({}).open(new AbortController().signal)
  await admin.query('BEGIN')
  const columns = [{ name: 'a', oid: INT4, typmod: -1, isDomain: false, shape: undefined }]
  const file = (async function* () {
    yield rows(10_000)
  })()
  const limits = { maxRowBytes: 1024 * 1024, memory }
  const lost: unknown[] = []
  const note = (error: unknown): void => void lost.push(error)
  process.on('uncaughtExceptionMonitor', note)
  for await (const piece of rowsAsParameters(admin, limits, columns, async () => {}, file)) {
    expect(piece.toString()).toBe('1\n')
    break
  }
  await admin.end()
  await nextTurn()
  process.off('uncaughtExceptionMonitor', note)
  expect(lost).toEqual([])
})
