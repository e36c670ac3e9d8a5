import { expect, it } from 'vitest'
import { notShown, type RunTest, WIRE_CHECKLIST } from '../support/wire-checklist.ts'

it('has every item once, with tests or a reason why it needs none', () => {
  expect(WIRE_CHECKLIST.map(({ number }) => number)).toEqual(Array.from({ length: 52 }, (_, i) => i + 1))
  const bare = WIRE_CHECKLIST.filter(({ shownBy, why }) => shownBy.length === 0 && why === undefined)
  expect(bare).toEqual([])
})

// The end of a run holds its tests against the list: see test/support/run-reporter.ts.
it('is not shown by a test that was skipped, renamed or removed', () => {
  const file = 'integration/copy-cancel.test.ts'
  const test = (name: string, state: RunTest['state'], excused = false): RunTest => ({
    file,
    fullName: `a suite > ${name}`,
    state,
    excused,
  })
  const cancelled = test('an import is cancelled by pg_cancel_backend (prepared: true)', 'passed')
  const timedOut = test('is ended by statement_timeout', 'passed')
  const missing = `46: no test "is ended by statement_timeout" of ${file} has run`
  expect(notShown([])).toEqual([])
  expect(notShown([cancelled, timedOut])).toEqual([])
  expect(notShown([cancelled, { ...timedOut, state: 'failed' }])).toEqual([])
  expect(notShown([cancelled, { ...timedOut, state: 'skipped', excused: true }])).toEqual([])
  expect(notShown([cancelled, { ...timedOut, state: 'skipped' }])).toContain(missing)
  expect(notShown([cancelled, test('is ended by something', 'passed')])).toContain(missing)
})
