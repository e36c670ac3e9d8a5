import { pino } from 'pino'
import { describe, expect, it, test } from 'vitest'
import { checkFault, Faults, type InjectedFault, matchesPattern, type Use } from '../../../src/storage/faults.ts'

const denied: InjectedFault = { fault: 'denied', account: 'acct', container: 'box', pathPattern: '*', times: 1 }
const reading: Use = { operation: 'download', account: 'acct', container: 'box', path: 'a.csv' }
const noFaults = () => new Faults(pino({ level: 'silent' }))

test.each([
  ['a.csv', 'a.csv', true],
  ['a.csv', 'aXcsv', false],
  ['a.csv', 'a.csv.gz', false],
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'a/b/c', true],
  ['a*', 'ab/c', true],
  ['a*', 'ba', false],
  ['*.csv', 'x/y.csv', true],
  ['*.csv', 'x/y.csv.gz', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*ab*ab*', 'xabyab', true],
  ['*ab*ab*', 'xabyb', false],
  ['a*b*b', 'ab', false],
  ['**a**', 'bab', true],
  ['2024/*/part-*.parquet', '2024/01/02/part-7.parquet', true],
  ['a_?[b]%\\', 'a_?[b]%\\', true],
])('%j for %j: %j', (pattern, path, expected) => {
  expect(matchesPattern(pattern, path)).toBe(expected)
})

describe('faults', () => {
  it('happen as often as was asked for, the first that matches first, in their database', () => {
    const faults = noFaults()
    faults.inject('one', { ...denied, times: 2 })
    faults.inject('one', { ...denied, fault: 'slow' })
    const take = faults.takerFor('one')
    expect(take({ ...reading, account: 'other' })).toBeUndefined()
    expect(take({ ...reading, container: 'other' })).toBeUndefined()
    expect(faults.takerFor('two')(reading)).toBeUndefined()
    expect([take(reading), take(reading), take(reading), take(reading)]).toEqual([
      'denied',
      'denied',
      'slow',
      undefined,
    ])
    expect(faults.of('one')).toEqual([])
  })

  it('are gone when they are cleared, in their database', () => {
    const faults = noFaults()
    faults.inject('one', denied)
    faults.inject('two', denied)
    faults.clear('one')
    expect([faults.of('one'), faults.of('two')]).toEqual([[], [denied]])
  })

  it('let readers pass where a blob is leased', () => {
    const faults = noFaults()
    faults.inject('one', { ...denied, fault: 'leased' })
    expect(faults.takerFor('one')(reading)).toBeUndefined()
    expect(faults.takerFor('one')({ ...reading, operation: 'upload' })).toBe('leased')
  })

  it('are a hundred at most', () => {
    const faults = noFaults()
    for (let i = 0; i < 100; i++) faults.inject('one', denied)
    expect(() => faults.inject('one', denied)).toThrow('there are 100 faults already')
    faults.inject('two', denied)
  })

  it.each([
    [{ fault: 'broken' as 'denied' }, 'blobgres: unknown fault: broken'],
    [{ account: 'A' }, 'azure_storage: invalid storage account name: A'],
    [{ container: 'A' }, 'azure_storage: invalid container name: A'],
    [{ pathPattern: 'a'.repeat(1025) }, 'blobgres: a pattern has at most 1024 characters'],
    [{ times: 0 }, 'blobgres: a fault happens once or more'],
  ])('are checked: %j', (part, message) => {
    expect(() => checkFault({ ...denied, ...part })).toThrow(message)
  })
})
