import { describe, expect, it } from 'vitest'
import { withEscapeStrings } from '../../../src/sql/escape-strings.ts'

describe('literals whose backslashes are escapes', () => {
  it.each([
    ["SELECT 'a\\'b'", "SELECT  E'a\\'b'"],
    ["SELECT'a', 'b''\\\\', E'c\\''", "SELECT E'a',  E'b''\\\\', E'c\\''"],
    ["'a'\n 'b\\'' || 'c'", " E'a'\n 'b\\'' ||  E'c'"],
    [`"'\\" || 'a'`, `"'\\" ||  E'a'`],
    ["$$'$$ || $t$ ' $$ $t$ || a$b$'x'", "$$'$$ || $t$ ' $$ $t$ || a$b$ E'x'"],
    ["-- '\n'x' /* ' /* ' */ ' */ 'y'", "-- '\n E'x' /* ' /* ' */ ' */  E'y'"],
    ["B'01' || x'ff' || 'a'", "B'01' || x'ff' ||  E'a'"],
    ["'open\\'", " E'open\\'"],
    ['/* open', '/* open'],
  ])('%s', (text, expected) => {
    const result = withEscapeStrings(text)
    expect(result?.text).toBe(expected)
  })

  it('every char knows where it comes from', () => {
    const text = "a 'b' c'd'"
    const { text: rewritten, originOf } = withEscapeStrings(text) ?? { text: '', originOf: () => -1 }
    const origins = [...rewritten].map((_, i) => originOf(i))
    expect(origins).toEqual([0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7, 8, 9])
    expect(originOf(rewritten.length)).toBe(text.length)
  })

  it('what has no such form is left to the server', () => {
    expect(withEscapeStrings("SELECT U&'\\0041'")).toBeUndefined()
    expect(withEscapeStrings("SELECT N'a'")).toBeUndefined()
    expect(withEscapeStrings('SELECT u&"a" AS menu')?.text).toBe('SELECT u&"a" AS menu')
  })

  it('is quick about long texts', () => {
    const long = `SELECT '${'x\\\\'.repeat(1_000_000)}', ${"'a', ".repeat(200_000)}1`
    const start = Date.now()
    expect(withEscapeStrings(long)?.text.length).toBe(long.length + 2 * 200_001)
    expect(Date.now() - start).toBeLessThan(3000)
  })
})
