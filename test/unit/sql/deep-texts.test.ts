import { expect, test } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'

const settings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}
const COPY = "COPY t FROM 'https://acct.blob.core.windows.net/cont/f.csv'"
const deep = `SELECT ${'1+'.repeat(50_000)}1`

test('an expression too deep for the parser does not hide a COPY, nor harm the parser', () => {
  for (let round = 0; round < 3; round++) {
    expect(classify(`${deep}; ${COPY}`, settings)?.map(({ kind }) => kind)).toEqual(['pass', 'copy'])
  }
})

test('a statement with such an expression is refused, unless it is for PostgreSQL alone', () => {
  const refused = [`${COPY} WHERE ${'1+'.repeat(50_000)}1 > 0`, `SELECT account_add('a', 'b'), ${'1+'.repeat(50_000)}1`]
  for (const text of refused) {
    expect(classify(text, settings)).toMatchObject([{ kind: 'refuse', error: { code: '54001' } }])
  }
  expect(classify(`COPY t FROM '/file' WHERE ${'1+'.repeat(50_000)}1 > 0`, settings)).toBeUndefined()
  expect(classify(COPY, settings)?.[0]?.kind).toBe('copy')
})

test('semicolons inside a statement do not end it', () => {
  const body = `CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END`
  const rule = 'CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)'
  expect(classify(`;; ${body}; ${rule}; ; ${COPY};`, settings)?.map(({ kind }) => kind)).toEqual(['pass', 'copy'])
})
