import { expect, it } from 'vitest'
import { BACKEND, STATUS } from '../../../src/protocol/codes.ts'
import type { BorrowedBackend } from '../../../src/session/borrowed-backend.ts'
import { Pending } from '../../../src/session/pending.ts'
import { Answered, lookUp } from '../../../src/statements/look-up.ts'
import { REPLIES_OF_PRIVATE_STATEMENT } from '../../../src/statements/private-statement.ts'
import { backend, type Line, ScriptedWire } from '../../support/scripted-wire.ts'
import { message } from '../../support/wire.ts'

const failed = backend.error({ C: '42P01', M: 'no such thing' })
const cancelled = backend.error({ C: '57014', M: 'canceling statement' })
const completions = Array<Line>(REPLIES_OF_PRIVATE_STATEMENT).fill(message(BACKEND.closeComplete))

function look(lines: readonly Line[], inPipeline: boolean, status: number = STATUS.idle) {
  const pending = new Pending()
  pending.receivedReady(status)
  const wire = Object.assign(new ScriptedWire(lines), { pending })
  return { wire, answer: lookUp(wire as unknown as BorrowedBackend, 'SELECT 1', [], 'none', inPipeline) }
}

it('gives the value, or what stands for none', async () => {
  for (const [lines, value] of [
    [[backend.dataRow(['x'])], 'x'],
    [[backend.dataRow([null])], undefined],
    [[], 'none'],
  ] as const) {
    expect(await look([...lines, ...completions], true).answer).toBe(value)
    expect(await look([...lines, ...completions, backend.ready], false).answer).toBe(value)
  }
})

it('does no harm where it fails in a transaction of its own', async () => {
  const { wire, answer } = look([failed, backend.ready], false)
  expect([await answer, wire.told]).toEqual(['none', []])
})

it.each([
  ['in the client’s pipeline', [failed], true, STATUS.idle, ['E C42P01 Mno such thing']],
  [
    'in the client’s transaction',
    [failed, backend.ready],
    false,
    STATUS.inTransaction,
    ['E C42P01 Mno such thing', 'Z'],
  ],
  ['cancelled', [cancelled, backend.ready], false, STATUS.idle, ['E C57014 Mcanceling statement', 'Z']],
])('has answered the client where it fails %s', async (_, lines, inPipeline, status, told) => {
  const { wire, answer } = look(lines, inPipeline, status)
  await expect(answer).rejects.toBeInstanceOf(Answered)
  expect(wire.told).toEqual(told)
})
