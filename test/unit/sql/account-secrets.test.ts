import { describe, expect, it } from 'vitest'
import { rewriteSecrets } from '../../../src/sql/account-secrets.ts'
import { classify } from '../../../src/sql/classify.ts'
import type { SqlSettings } from '../../../src/sql/query-text.ts'
import { mayBeOurs } from '../../../src/sql/scan.ts'

const SETTINGS: SqlSettings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}
const ADD = 'azure_storage.account_add'
const SAS_URL = 'https://acct.blob.core.windows.net/box/a.csv?sv=1&sig=KEY'

/** Sealed values are ASCII. */
const encodeShown = (text: string): string => text.replace(/[^ -~]/g, encodeURIComponent)

/** The text as the backend gets it, a sealed value shown as `<account:value>`. */
function rewritten(sql: string, settings: Partial<SqlSettings> = {}): string {
  const text = Buffer.from(sql).toString('latin1')
  const statements = mayBeOurs(text) ? classify(text, { ...SETTINGS, ...settings }) : undefined
  let result = text
  for (const statement of [...(statements ?? [])].reverse()) {
    if (statement.kind !== 'with-secrets') continue
    const own = rewriteSecrets(
      statement,
      statement.secrets,
      text,
      (clear, account = '?') => `<${account}:${encodeShown(clear)}>`,
    )
    result = result.slice(0, statement.start) + own.text + result.slice(statement.end)
  }
  return Buffer.from(result, 'latin1').toString()
}

describe('sealed', () => {
  it.each([
    [`SELECT ${ADD}('acct', 'KEY')`, `SELECT ${ADD}('acct', '<acct:KEY>')`],
    ["select AZURE_storage . Account_Add('acct','KEY');", "select AZURE_storage . Account_Add('acct','<acct:KEY>');"],
    [
      `SELECT "azure_storage"."account_add"('acct', 'KEY')`,
      `SELECT "azure_storage"."account_add"('acct', '<acct:KEY>')`,
    ],
    [
      `SELECT azure_storage.U&"account\\005fadd"('acct', 'KEY')`,
      `SELECT azure_storage.U&"account\\005fadd"('acct', '<acct:KEY>')`,
    ],
    [`SELECT db.${ADD}('acct', 'KEY')`, `SELECT db.${ADD}('acct', '<acct:KEY>')`],
    [
      `SELECT ${ADD}(account_key_p => 'KEY', account_name_p => 'acct')`,
      `SELECT ${ADD}(account_key_p => '<acct:KEY>', account_name_p => 'acct')`,
    ],
    [`SELECT ${ADD}('acct', account_key_p := 'KEY')`, `SELECT ${ADD}('acct', account_key_p := '<acct:KEY>')`],
    [
      `SELECT ${ADD}('acct'::text, CAST('KEY' AS varchar))`,
      `SELECT ${ADD}('acct'::text, CAST('<acct:KEY>' AS varchar))`,
    ],
    [`SELECT ${ADD}('acct', text 'KEY' COLLATE "C")`, `SELECT ${ADD}('acct', text '<acct:KEY>' COLLATE "C")`],
    [
      `SELECT ${ADD}('acct', E'K\\x45Y'), ${ADD}('b', $$KEY$$)`,
      `SELECT ${ADD}('acct', '<acct:KEY>'), ${ADD}('b', '<b:KEY>')`,
    ],
    [`SELECT ${ADD}('acct', U&'K!0045Y' UESCAPE '!')`, `SELECT ${ADD}('acct', '<acct:KEY>')`],
    [`SELECT ${ADD}('acct', 'K'\n'EY')`, `SELECT ${ADD}('acct', '<acct:KEY>')`],
    [`SELECT ${ADD}('acct', 'Schlüssel''s')`, `SELECT ${ADD}('acct', '<acct:Schl%C3%BCssel''s>')`],
    [`SELECT ${ADD}(lower('ACCT'), 'KEY')`, `SELECT ${ADD}(lower('ACCT'), '<?:KEY>')`],
    [`SELECT ${ADD}($1, 'KEY')`, `SELECT ${ADD}($1, '<?:KEY>')`],
    [`SELECT ${ADD}('acct', 'KEY', 'MORE')`, `SELECT ${ADD}('acct', '<acct:KEY>', '<acct:MORE>')`],
    [`SELECT ${ADD}(key => 'KEY')`, `SELECT ${ADD}(key => '<?:KEY>')`],
    [`EXPLAIN SELECT * FROM ${ADD}('acct', 'KEY') AS t`, `EXPLAIN SELECT * FROM ${ADD}('acct', '<acct:KEY>') AS t`],
    [`PREPARE p AS SELECT ${ADD}('acct', 'KEY')`, `PREPARE p AS SELECT ${ADD}('acct', '<acct:KEY>')`],
    [`CREATE VIEW v AS SELECT ${ADD}('acct', 'KEY')`, `CREATE VIEW v AS SELECT ${ADD}('acct', '<acct:KEY>')`],
    [
      `WITH a AS (SELECT ${ADD}('acct', 'KEY')) SELECT 'KEY'`,
      `WITH a AS (SELECT ${ADD}('acct', '<acct:KEY>')) SELECT 'KEY'`,
    ],
    [
      `SELECT 'KEY'; SELECT ${ADD}('acct', 'KEY'); SELECT 'KEY'`,
      `SELECT 'KEY'; SELECT ${ADD}('acct', '<acct:KEY>'); SELECT 'KEY'`,
    ],
    [`SELECT account_add('acct', 'KEY')`, `SELECT account_add('acct', '<acct:KEY>')`],
  ])('%s', (sql, expected) => {
    expect(rewritten(sql)).toBe(expected)
  })

  it.each([
    [`('{"name": "acct", "credentials": "KEY"}')`, `('{"name":"acct","credentials":"<acct:KEY>"}')`],
    [
      `('{"name": "acct", "credentials": "KEY"}'::json::jsonb)`,
      `('{"name":"acct","credentials":"<acct:KEY>"}'::json::jsonb)`,
    ],
    [
      `(account_config => '{"credentials": "KEY"}' || '{"name": "acct"}')`,
      `(account_config => '{"credentials":"<?:KEY>"}' || '{"name": "acct"}')`,
    ],
    [
      `('{"name": "acct", "key": "KEY", "a": [1, {"b": "KEY"}]}')`,
      `('{"name":"acct","key":"<acct:KEY>","a":[1,{"b":"<acct:KEY>"}]}')`,
    ],
    [`('{"credentials": "Schlüssel"}')`, `('{"credentials":"<?:Schl%C3%BCssel>"}')`],
    [`('"KEY"')`, `('"<?:KEY>"')`],
    [`('{name: acct, credentials: KEY}')`, `('{****: ****, ***********: ***}')`],
    [
      `(azure_storage.account_options_credentials('acct', 'KEY', 'blob'))`,
      `(azure_storage.account_options_credentials('acct', '<acct:KEY>', 'blob'))`,
    ],
    [
      `(azure_storage.account_options(credentials => 'KEY', name => 'acct', auth_type => 'access-key'))`,
      `(azure_storage.account_options(credentials => '<acct:KEY>', name => 'acct', auth_type => 'access-key'))`,
    ],
    [
      `(jsonb_build_object('name', 'acct', 'credentials', 'KEY', 'type', 'blob'))`,
      `(jsonb_build_object('name', 'acct', 'credentials', '<acct:KEY>', 'type', 'blob'))`,
    ],
    [
      `(c) FROM azure_storage.account_options_credentials('acct', 'KEY', 'blob') AS c`,
      `(c) FROM azure_storage.account_options_credentials('acct', '<acct:KEY>', 'blob') AS c`,
    ],
  ])('account_add%s', (sql, expected) => {
    expect(rewritten(`SELECT ${ADD}${sql}`)).toBe(`SELECT ${ADD}${expected}`)
  })

  it('with a backslash that is an escape', () => {
    const off = { standardConformingStrings: false }
    expect(rewritten(`SELECT ${ADD}('acct', 'K\\x45Y')`, off)).toBe(`SELECT ${ADD}('acct', '<acct:KEY>')`)
  })

  it('where the server takes literals that the parser does not, nothing is sent', () => {
    const text = `SELECT ${ADD}(N'acct', N'K\\x45Y')`
    const refused = classify(text, { ...SETTINGS, standardConformingStrings: false })
    expect(refused).toMatchObject([{ kind: 'refuse', isUnread: true, error: { code: '54001' } }])
    expect(classify("SELECT N'\\x45' AS extension", { ...SETTINGS, standardConformingStrings: false })).toBe(undefined)
  })

  it('with characters before it of any encoding', () => {
    expect(rewritten(`SELECT '日本', ${ADD}('acct', 'KEY')`)).toBe(`SELECT '日本', ${ADD}('acct', '<acct:KEY>')`)
    expect(rewritten(`SELECT 'é\\', ${ADD}('acct', 'KEY')`, { encoding: 'SJIS' })).toContain(`<acct:KEY>`)
  })
})

describe('made unreadable, where nothing can run', () => {
  it.each([
    [`SELECT ${ADD}('acct' 'KEY')`, `SELECT ${ADD}('***' '***')`],
    [`SELECT ${ADD}('acct', 'KEY'`, `SELECT ${ADD}('***', '***'`],
    [`SELECT ${ADD}('acct', 'KEY)`, `SELECT ${ADD}(\n'***`],
    [`SELECT ${ADD}("acct, KEY)`, `SELECT ${ADD}(\n"***`],
    [`SELECT ${ADD}('acct', $$KEY)`, `SELECT ${ADD}(\n'***`],
    [`SELECT ${ADD}($k$KEY)`, `SELECT ${ADD}(\n$k$***`],
    [`SELECT k, ${ADD}('acct', k FROM (SELECT 'KEY' AS k`, `SELECT k, ${ADD}('***', k FROM (SELECT '***' AS k`],
    [`WITH k AS (SELECT 'KEY') SELECT ${ADD}('acct`, "WITH k AS (SELECT \n'***"],
    [`SELECT azure_storage.U&"account\\005fadd"('acct', 'KEY`, 'SELECT azure_storage.U&\n"***'],
    [`DELETE FROM t; -- it's\nSELECT ${ADD}('acct', 'KEY`, "DELETE FROM t; -- it\n'***"],
    [
      `SELECT 'a'; COPY t FROM '${SAS_URL}' (FORMAT csv; SELECT 'b'`,
      `SELECT 'a'; COPY t FROM '***' (FORMAT csv; SELECT 'b'`,
    ],
    [`COPY t FRM '${SAS_URL}'`, "COPY t FRM '***'"],
    [`COPY t FROM '${SAS_URL}`, "COPY t FROM \n'***"],
  ])('%s', (sql, expected) => {
    expect(rewritten(sql)).toBe(expected)
  })
})

describe('left alone', () => {
  it.each([
    `SELECT azure_storage.account_options_credentials('acct', 'KEY', 'blob')`,
    `SELECT public.account_add('acct', 'KEY')`,
    `SELECT ${ADD}($1, $2)`,
    `SELECT ${ADD}('acct', '')`,
    `SELECT ${ADD}('acct', NULL)`,
    `SELECT ${ADD}('acct', 'K' || 'EY')`,
    `SELECT ${ADD}('acct', 'KEY'::varchar(2))`,
    `SELECT ${ADD}(azure_storage.account_options_managed_identity('acct', 'blob'))`,
    `SELECT 'azure_storage.account_add(''acct'', ''KEY'')'`,
    `DO $$ BEGIN PERFORM ${ADD}('acct', 'KEY'); END $$`,
    `SELECT "constructor"('account_add'), account_add`,
  ])('%s', sql => {
    expect(rewritten(sql)).toBe(sql)
  })
})

it('a statement may be long', () => {
  const long = (key: string): string => `SELECT ${'1, '.repeat(8000)} ${ADD}('acct', '${key}')`
  expect(rewritten(long('KEY')) === long('<acct:KEY>')).toBe(true)
})
