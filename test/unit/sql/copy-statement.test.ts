import { describe, expect, it } from 'vitest'
import { PgError } from '../../../src/protocol/pg-error.ts'
import { classify } from '../../../src/sql/classify.ts'
import { type CopyStatement, rewriteCopy } from '../../../src/sql/copy-statement.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'
const endpoints = { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() }

function read(text: string): CopyStatement {
  const statement = classify(text, { encoding: 'UTF8', standardConformingStrings: true, endpoints })?.at(-1)
  if (statement?.kind === 'refuse') throw new PgError(statement.error)
  if (statement?.kind !== 'copy') throw new Error('not a COPY')
  return statement.copy
}
const rewritten = (text: string, select?: string) =>
  rewriteCopy(read(text), text, select === undefined ? undefined : { list: select, only: false }).text.replace(
    / \/\* .* \*\/$/,
    '',
  )

describe('a COPY becomes one of PostgreSQL', () => {
  it.each([
    [`COPY t FROM '${URL}'`, 'COPY t FROM STDIN WITH (FORMAT csv)'],
    [`copy t to '${URL}';`, 'COPY t to STDOUT WITH (FORMAT csv)'],
    [
      `COPY "S".t ( a, "b" ) FROM '${URL}' WITH CSV HEADER`,
      `COPY "S".t ( a, "b" ) FROM STDIN WITH (FORMAT csv, "header" true)`,
    ],
    [`COPY BINARY t TO '${URL}'`, 'COPY t TO STDOUT WITH (FORMAT binary)'],
    [`COPY "binary" TO '${URL}'`, 'COPY "binary" TO STDOUT WITH (FORMAT csv)'],
    [`COPY "binary"."from" (a) FROM '${URL}'`, 'COPY "binary"."from" (a) FROM STDIN WITH (FORMAT csv)'],
    [
      `COPY t FROM '${URL}' (HEADERS, DELIMITER E'\\t') WHERE a = 'where'`,
      `COPY t FROM STDIN WITH (FORMAT csv, "header", "delimiter" '\t') WHERE a = 'where'`,
    ],
    [
      `COPY t FROM '${URL}' (FORMAT parquet, ON_ERROR ignore) WHERE a > 1`,
      `COPY t FROM STDIN WITH (FORMAT text, ENCODING 'UTF8', "on_error" 'ignore') WHERE a > 1`,
    ],
    [
      `COPY t TO '${URL}' (FORMAT 'parquet', COMPRESSION 'zstd')`,
      `COPY t TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')`,
    ],
    [`COPY t FROM '${URL}' (FORMAT tsv, COMPRESSION gzip)`, 'COPY t FROM STDIN WITH (FORMAT text)'],
    [
      `COPY t TO '${URL}' (FORCE_QUOTE *, NULL '\\N')`,
      `COPY t TO STDOUT WITH (FORMAT csv, "force_quote" *, "null" E'\\\\N')`,
    ],
    [`COPY t TO '${URL}' CSV FORCE QUOTE a, "B"`, `COPY t TO STDOUT WITH (FORMAT csv, "force_quote" ('a', 'B'))`],
    [
      `COPY t FROM '${URL}' (strange 1.5, "Odd" (x, 'y'))`,
      `COPY t FROM STDIN WITH (FORMAT csv, "strange" '1.5', "Odd" ('x', 'y'))`,
    ],
  ])('%s', (sql, expected) => {
    expect(rewritten(sql)).toBe(expected)
  })

  it('of a view: a query', () => {
    expect(rewritten(`COPY v TO '${URL}'`, '*')).toBe('COPY (SELECT * FROM v ) TO STDOUT WITH (FORMAT csv)')
    expect(rewritten(`COPY "v" (b, "A") TO '${URL}'`, '*')).toBe(
      'COPY (SELECT b, "A" FROM "v" ) TO STDOUT WITH (FORMAT csv)',
    )
  })
})

it('the URL is shown, its secrets are not', () => {
  const text = `COPY t FROM '${URL}?sv=1&sig=secret' (HEADER)`
  const copy = read(text)
  expect(copy.url.sas).toBe('sv=1&sig=secret')
  expect(copy.original).toBe(`COPY t FROM '${URL}?<redacted>' (HEADER)`)
  expect(rewriteCopy(copy, text).text).toMatch(/\/\* https:\/\/acct[^*]*\?<redacted> \*\/$/)
  expect(JSON.stringify(copy) + rewriteCopy(copy, text).text).not.toContain('secret')
})

it('a URL cannot end the comment it is shown in', () => {
  const sql = `COPY t FROM '${URL.replace('a.csv', '*/ DROP TABLE t; /*.csv')}'`
  const { text } = rewriteCopy(read(sql), sql)
  expect(text).toMatch(/ \/\* https:[^*]* \*\/$/)
})

it('positions in the new text are those of what the client wrote', () => {
  const prefix = Buffer.from(`/* é */ `).toString('latin1')
  const sql = `${prefix}COPY t (a, nope) FROM '${URL}' (HEADER, wrong 1) WHERE bad > 0`
  const rewrite = rewriteCopy(read(sql), sql)
  for (const word of ['nope', 'wrong', 'bad']) {
    const at = rewrite.text.indexOf(word === 'wrong' ? '"wrong"' : word)
    expect([word, rewrite.originOf(at)]).toEqual([word, sql.indexOf(word)])
  }
})
