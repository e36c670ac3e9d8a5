import { describe, expect, it } from 'vitest'
import type { Logger } from '../../../src/log.ts'
import { FRONTEND } from '../../../src/protocol/codes.ts'
import type { Accelerable } from '../../../src/sql/accelerate.ts'
import { Rewrite } from '../../../src/sql/rewrite.ts'
import {
  MAX_KEPT,
  MAX_KEPT_BYTES,
  type Prepared,
  PreparedStatements,
} from '../../../src/statements/prepared-statements.ts'

const LOG = { warn() {} } as unknown as Logger

const prepared = (bytes = 1, kind: 'retag' | 'pass' = 'retag'): Prepared => ({
  step: kind === 'pass' ? { kind } : { kind, tag: '' },
  secrets: [],
  rewrite: new Rewrite(''),
  bytes,
  release: async () => {},
})

/** As many as there may be. */
function full(): PreparedStatements {
  const kept = new PreparedStatements(LOG)
  for (let i = 0; i < MAX_KEPT; i++) kept.add(`s${i}`, prepared())
  return kept
}

describe('there is room', () => {
  it('for so many statements, and again for each that is forgotten', () => {
    const kept = full()
    expect(kept.hasRoomFor('t', 1)).toBe(false)
    kept.forget('s0')
    expect(kept.hasRoomFor('t', 1)).toBe(true)
    kept.forgetAll()
    expect(kept.hasRoomFor('t', MAX_KEPT_BYTES)).toBe(true)
  })

  it('for so many bytes', () => {
    const kept = new PreparedStatements(LOG)
    kept.add('s', prepared(MAX_KEPT_BYTES - 10))
    expect([kept.hasRoomFor('t', 10), kept.hasRoomFor('t', 11)]).toEqual([true, false])
  })

  it('for an unnamed one in the place of another', () => {
    const kept = full()
    kept.forget('s0')
    kept.add('', prepared())
    expect([kept.hasRoomFor('', 1), kept.hasRoomFor('t', 1)]).toEqual([true, false])
  })

  it('no more for one that only a portal has, until that is forgotten', () => {
    const kept = new PreparedStatements(LOG)
    kept.add('', prepared(MAX_KEPT_BYTES))
    kept.bind('p', kept.ofName(''))
    kept.add('', prepared(0))
    expect(kept.hasRoomFor('', 1)).toBe(false)
    kept.forgetPortals()
    expect(kept.hasRoomFor('', 1)).toBe(true)
  })

  it('for so many portals, but any number of those that need nothing when they run', () => {
    const kept = new PreparedStatements(LOG)
    const [one, passing] = [prepared(), prepared(1, 'pass')]
    for (let i = 0; i < MAX_KEPT; i++) {
      kept.bind(`passing${i}`, passing)
      kept.bind(`p${i}`, one)
    }
    expect([kept.hasRoomForPortal('p0', one), kept.hasRoomForPortal('q', one)]).toEqual([true, false])
    kept.forgetPortal('p1')
    expect(kept.hasRoomForPortal('q', one)).toBe(true)
  })
})

describe('a portal of a statement that may run another way', () => {
  const shape = {} as Accelerable
  const accelerable: Prepared = { ...prepared(), step: { kind: 'accelerable', shape, text: '', types: [] } }
  const value = (bytes: number) => () => [{ value: Buffer.alloc(bytes), isBinary: false, type: 0 }]

  it('keeps its values as long as nothing is sent that could change what it sees', () => {
    const kept = new PreparedStatements(LOG)
    const bind = () => kept.bind('p', accelerable, value(1))
    bind()
    for (const code of [FRONTEND.parse, FRONTEND.describe, FRONTEND.close]) kept.passed(code)
    expect(kept.toExecute('p')?.bound?.values).toHaveLength(1)
    expect(kept.toExecute('p')).toBeUndefined()
    for (const code of [FRONTEND.bind, FRONTEND.execute, FRONTEND.sync, FRONTEND.flush, FRONTEND.functionCall]) {
      bind()
      kept.passed(code)
      expect(kept.toExecute('p')).toBeUndefined()
    }
  })

  it('is left to the backend where there is no room, or too much to keep', () => {
    const kept = new PreparedStatements(LOG)
    kept.bind('p', accelerable, value(1024 * 1024))
    expect(kept.toExecute('p')).toBeUndefined()
    for (let i = 0; i < MAX_KEPT; i++) kept.bind(`p${i}`, prepared())
    expect(kept.hasRoomForPortal('q', accelerable)).toBe(true)
    kept.bind('q', accelerable, value(1))
    expect(kept.toExecute('q')).toBeUndefined()
  })
})

it('those that the server does not have any more are forgotten, but not the unnamed one', () => {
  const kept = new PreparedStatements(LOG)
  for (const name of ['', 's', 't']) kept.add(name, prepared())
  kept.keepOnly(new Set(['t', 'others']))
  expect(['', 's', 't'].map(name => kept.has(name))).toEqual([true, false, true])
})

it('names are told apart by their first 63 bytes, as the server does', () => {
  const kept = new PreparedStatements(LOG)
  const name = 'n'.repeat(63)
  kept.add(`${name}1`, prepared())
  expect([kept.has(`${name}2`), kept.has(name.slice(1))]).toEqual([true, false])
})
