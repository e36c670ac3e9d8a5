import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/storage/glob.ts'

const matches = (pattern: string, name: string): boolean => {
  const parsed = parsePattern(pattern)
  return typeof parsed === 'string' ? parsed === name : parsed.matches(name)
}

describe('names that a pattern stands for', () => {
  it.each([
    [
      '2024/*/part-*.csv',
      ['2024/01/part-1.csv', '2024//part-.csv'],
      ['2024/part-1.csv', '2024/1/2/part-1.csv', '2024/1/part-1.csv.gz'],
    ],
    ['*', ['a', ''], ['a/b']],
    ['a?c', ['abc', 'a😀c'], ['ac', 'a/c', 'abbc']],
    ['[a-c1]x[!0-9].[^z]', ['axy.a', '1x-.b'], ['dxy.a', 'ax1.a', 'axy.z', 'ax/.a']],
    ['[]]-[a\\]-]', [']-a', ']-]', ']--'], ['a-b']],
    ['**', ['a', 'a/b/c', ''], []],
    [
      'x/**/y/*.csv',
      ['x/y/1.csv', 'x/a/y/1.csv', 'x/a/b/y/1.csv'],
      ['x/ay/1.csv', 'x/ab/cy/1.csv', 'x/y/z/1.csv', 'xx/y/1.csv'],
    ],
    ['**/a*b', ['ab', 'x/ab', 'a/x/a-b', 'ac/ab'], ['a/b', 'xab', 'x/ab/c']],
    ['a**b', ['ab', 'a/x/b', 'axb'], ['a/bc']],
    ['a[b', ['a[b'], ['ab']],
    ['a[b/c]d*', ['a[b/c]d'], ['abd']],
    ['a\\*b*', ['a*b', 'a*bc'], ['axb']],
    ['é*ß', ['éß', 'é-ß'], ['e-ß']],
  ])('%s', (pattern, yes, no) => {
    for (const name of yes) expect([name, matches(pattern, name)]).toEqual([name, true])
    for (const name of no) expect([name, matches(pattern, name)]).toEqual([name, false])
  })

  it('begin with what stands before the first wildcard', () => {
    expect(parsePattern('a/b\\[c/d[e]*')).toMatchObject({ prefix: 'a/b[c/de' })
    expect(parsePattern('**/x')).toMatchObject({ prefix: '' })
  })

  it.each([
    ['a\\*b.csv', 'a*b.csv'],
    ['a[*]b[[]c.csv', 'a*b[c.csv'],
    ['a[b.csv', 'a[b.csv'],
    ['a\\', 'a\\'],
  ])('%s is one name', (pattern, name) => {
    expect(parsePattern(pattern)).toBe(name)
  })

  it('are told without trying what has been tried: else this would not end', () => {
    for (const pattern of [
      '*a'.repeat(500),
      '**/'.repeat(340),
      '**a'.repeat(340),
      '[a]*'.repeat(250),
      '['.repeat(1000),
    ]) {
      expect(matches(`${pattern}b`, 'a'.repeat(1000))).toBe(false)
      expect(matches(`${pattern}b`, 'a/'.repeat(500))).toBe(false)
    }
  })
})
