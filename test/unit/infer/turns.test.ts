import { expect, it } from 'vitest'
import { dialectsFor } from '../../../src/infer/dialect.ts'
import { readRows } from '../../../src/infer/rows.ts'

it('lets others have their turn while it reads many rows', async () => {
  const bytes = Buffer.from('1\n'.repeat(500_000))
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  let rows = 0
  const [dialect] = dialectsFor(bytes).usual
  if (dialect === undefined) throw new Error('no dialect')
  for await (const batch of readRows([bytes], { dialect, encoding: 'UTF8' }, 1, true)) rows += batch.length
  isOver = true
  expect(rows).toBe(500_000)
  expect(turns).toBeGreaterThan(5)
})
