import { expect, it } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'

const SETTINGS = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: undefined, accounts: new Map() },
}

it('tells what stands in a call of blob_put()', () => {
  const call = `azure_storage.blob_put('a', $2::text, 'p', "T", 'csv', 'none', azure_storage.options_csv_put(quote := ')'))`
  const text = `SELECT ${call} AS done FROM public."T" /* of it */ WHERE x > 1; SELECT 1`
  const [first] = classify(text, SETTINGS) ?? []
  expect(first).toMatchObject({
    kind: 'accelerable',
    shape: {
      name: 'azure_storage.blob_put',
      arguments: [
        ["'a'"],
        ['', 2, '::text'],
        ["'p'"],
        ["'csv'"],
        ["'none'"],
        ["azure_storage.options_csv_put(quote := ')')"],
      ],
      calls: ['azure_storage.options_csv_put'],
      tuple: '"T"',
    },
  })
  const { source, where, label } = (first as unknown as { shape: Record<string, { start: number; end: number }> }).shape
  const written = [source, where, label].map(range => text.slice(range?.start, range?.end))
  expect(written).toEqual(['public."T" /* of it */ WHERE x > 1', 'x > 1', 'AS done'])
})

it.each([
  'SELECT blob_put($1, $2, $3, t.*) FROM t',
  'SELECT (blob_put($1, $2, $3, t)) FROM t',
  'SELECT blob_put($1, $2, now()::text, t) FROM t',
  'SELECT blob_put($1, $2, t.p, t) FROM t',
  'SELECT blob_put($1, $2, path => $3, tuple => t) FROM t',
  'SELECT blob_put($1, $2, $3, t) FROM t, u',
  'SELECT blob_put($1, $2, $3, t) FROM f() t',
  'SELECT blob_put($1, $2, $3, t) FROM t TABLESAMPLE system (1)',
  'SELECT blob_put($1, $2, $3, t) FROM t (a)',
  'SELECT blob_put($1, $2, $3, t) FROM t WHERE a = $4',
  'SELECT blob_put($1, $2, $3, t) INTO u FROM t',
  'SELECT other.blob_put($1, $2, $3, t) FROM t',
  'SELECT 1; SELECT blob_put($1, $2, $3, t) FROM t',
  'EXPLAIN SELECT blob_put($1, $2, $3, t) FROM t',
])('leaves alone: %s', text => {
  expect(classify(text, SETTINGS)).toBeUndefined()
})
