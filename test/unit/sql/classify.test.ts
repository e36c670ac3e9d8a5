import { describe, expect, it } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'
import type { SqlSettings } from '../../../src/sql/query-text.ts'
import { mayBeOurs } from '../../../src/sql/scan.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'
const SETTINGS: SqlSettings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}
const bytes = (text: string) => Buffer.from(text).toString('latin1')
/** The kinds of the statements, as the session sees them: scanned first, then parsed. */
function kinds(sql: string, settings: Partial<SqlSettings> = {}): string[] | undefined {
  const text = bytes(sql)
  return mayBeOurs(text) ? classify(text, { ...SETTINGS, ...settings })?.map(({ kind }) => kind) : undefined
}

describe('ours', () => {
  it.each([
    [`COPY t FROM '${URL}'`, ['copy']],
    [`copy t to '${URL}';`, ['copy']],
    [`COPY BINARY t FROM '${URL}'`, ['copy']],
    [`/* c */ COPY -- x\n t (a) /* y */ FROM\n'${URL}' WITH (HEADERS) WHERE a > 1`, ['copy']],
    [`BEGIN; COPY "copy" FROM '${URL}'; COMMIT`, ['pass', 'copy', 'pass']],
    [`COPY t FROM '${URL}'; COPY s TO '${URL}'`, ['copy', 'copy']],
    [`COPY t FROM E'https:\\x2f/acct.blob.core.windows.net/box/a.csv'`, ['copy']],
    [`COPY t FROM U&'https\\003a//acct.blob.core.windows.net/box/a.csv'`, ['copy']],
    [`COPY t FROM 'https:'\n'//acct.blob.core.windows.net/box/a.csv'`, ['copy']],
    [`COPY t FROM 'https:' \r  '//acct.blob.core.windows.net/box/a.csv'`, ['copy']],
    [`COPY t FROM $$${URL}$$`, ['copy']],
    [`COPY t FROM 'HTTPS://acct.blob.core.windows.net/box/a.csv'`, ['copy']],
    [`COPY (SELECT 1) TO '${URL}'`, ['copy']],
    [`COPY t FROM 'https://example.com/a.csv'`, ['refuse']],
    [`COPY t FROM '${URL}' (FREEZE)`, ['refuse']],
    ['CREATE EXTENSION azure_storage', ['extension']],
    ['create extension if not exists "azure_storage" with schema public version \'1.9\' cascade', ['extension']],
    ['ALTER EXTENSION azure_storage UPDATE', ['extension']],
    ["SELECT create_extension('azure_storage')", ['create-extension-call']],
    ["SELECT * FROM create_extension('azure_storage');", ['create-extension-call']],
    ['DROP EXTENSION IF EXISTS "azure_storage", hstore CASCADE', ['drop-extension']],
    ['ALTER EXTENSION azure_storage SET SCHEMA x', ['refuse']],
    ['SELECT * FROM pg_available_extensions', ['edited']],
    ['SELECT 1; EXPLAIN SELECT 1 FROM (TABLE pg_catalog.pg_settings) AS s', ['pass', 'edited']],
    ['INSERT INTO t SELECT v.name FROM "pg_available_extension_versions" () AS v', ['edited']],
    ['SET azure_storage.allow_network_access = maybe', ['refuse']],
    ['set local "Azure_Storage.log_level" to loud', ['refuse']],
    ['ALTER ROLE ALL SET azure_storage.blob_block_size_mb = 1', ['refuse']],
    ["SELECT pg_catalog.set_config('azure_storage.log_level', 'loud', true)", ['refuse']],
    ["ALTER DATABASE d SET azure_storage.credential_encryption_key = 'x'", ['with-secrets']],
    ["SELECT set_config('azure_storage.credential_encryption_key', $1, true)", ['with-secrets']],
    ["SELECT set_config(E'azure_storage.credential_encryption_key', 'x', true)", ['with-secrets']],
    ["SELECT set_config($n$azure_storage.credential_encryption_key$n$, 'x', true)", ['with-secrets']],
    [`SELECT 1 FROM ${Array(100).fill('pg_settings')}`, ['edited']],
    ["SET azure_storage.credential_encryption_key = 'x'", ['set-passphrase']],
    ["SELECT 1; CREATE EXTENSION azure_storage; SELECT 'ü'", ['pass', 'extension', 'pass']],
    [
      `CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 2 end; END; COPY t FROM '${URL}'`,
      ['pass', 'copy'],
    ],
    [`CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COPY t FROM '${URL}'`, ['pass', 'copy']],
    [`CREATE PROCEDURE p() BEGIN ATOMIC END; COPY t FROM '${URL}'`, ['pass', 'copy']],
    [`SELECT begin atomic FROM t; COPY t FROM '${URL}'`, ['pass', 'copy']],
  ])('%s', (sql, expected) => {
    expect(kinds(sql)).toEqual(expected)
  })
})

describe('not ours', () => {
  it.each([
    '',
    ';',
    '-- COPY',
    'SELECT 1',
    `COPY t FROM STDIN`,
    `COPY t FROM '/tmp/https://a.csv'`,
    `COPY t FROM PROGRAM 'curl ${URL}'`,
    `COPY (SELECT '${URL}') TO STDOUT`,
    `SELECT 'COPY t FROM ''${URL}'''`,
    `SELECT E'\\'; COPY t FROM \\'${URL}\\''`,
    `SELECT $a$; COPY t FROM '${URL}'; $a$`,
    `SELECT 1 /* ; COPY t FROM '${URL}' */`,
    `SELECT 1 /* /* */ ; COPY t FROM '${URL}'; */`,
    `SELECT 1 -- ; COPY t FROM '${URL}'`,
    `SELECT 1 AS "; COPY t FROM '${URL}'"`,
    `COPY t FROM '${URL}`,
    `COPY t FRM '${URL}'`,
    `DO $$ BEGIN COPY t FROM '/tmp/copy'; END $$ -- '${URL}'`,
    `DO LANGUAGE plperl $$ COPY t FROM '${URL}'; $$`,
    'CREATE EXTENSION azure_storage_more',
    'DROP EXTENSION hstore -- azure_storage',
    'SET azure_storage.log_level = info; RESET azure_storage.log_level',
    'RESET azure_storage.credential_encryption_key',
    "SELECT set_config('azure_storage.log_level', $1, true), azure_storage.account_list()",
    'SELECT \'pg_settings\', "pg_settings" FROM t',
    'SELECT * FROM public.pg_settings',
    'WITH pg_settings AS (SELECT 1) SELECT * FROM pg_settings',
    'SELECT pg_catalog.pg_settings.name FROM pg_catalog.pg_settings',
    'CREATE VIEW v AS SELECT * FROM pg_settings',
    'CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM pg_settings; END',
    'GRANT SELECT ON pg_settings TO PUBLIC',
    "UPDATE pg_settings SET setting = 'on' WHERE name = 'x'",
    'SELECT * FROM ONLY pg_settings',
    'CREATE EXTENSION hstore',
  ])('%s', sql => {
    expect(kinds(sql)).toBeUndefined()
  })
})

it('statements end where they end, whatever their characters', () => {
  const parts = [`SELECT 'é😀'`, `COPY "ü" FROM '${URL}'`, `SELECT '日本'`]
  const text = bytes(`  ${parts.join(' ; /* ö */\n')};`)
  const statements = classify(text, SETTINGS)
  expect(statements?.map(({ start, end }) => Buffer.from(text.slice(start, end), 'latin1').toString())).toEqual(parts)
})

it('what a text creates and copies is told', () => {
  const created = (sql: string, relation = 'v') => {
    const copy = classify(`${sql}; SELECT 1; COPY ${relation} TO '${URL}'`, SETTINGS)?.at(-1)
    return copy?.kind === 'copy' ? copy.created : copy
  }
  expect(created('CREATE VIEW s.v AS SELECT 1', 's.v')).toBe('view')
  expect(created('CREATE VIEW s.v AS SELECT 1')).toBeUndefined()
  expect(created('CREATE MATERIALIZED VIEW "V" AS SELECT 1', '"V"')).toBe('view')
  expect(created('CREATE TABLE v (a int)')).toBe('table')
  expect(created('CREATE TABLE v AS SELECT 1')).toBe('table')
  expect(created('CREATE TABLE v (a int) PARTITION BY LIST (a)')).toBe('view')
  expect(created('SELECT 1')).toBeUndefined()
})

it('standard_conforming_strings off: the same text means something else', () => {
  const sql = `SELECT 'a\\'; COPY t FROM ''${URL}''; --'`
  expect(kinds(sql)).toBeUndefined()
  const off = `SELECT 'a\\''; COPY t FROM '${URL}' (NULL '\\\\N')`
  expect(kinds(off)).toBeUndefined()
  expect(kinds(off, { standardConformingStrings: false })).toEqual(['pass', 'copy'])
})

it('a trail byte that looks like a backslash or a quote is neither', () => {
  const text = `SELECT E'\x83\x5c'; COPY t FROM '${URL}'`
  expect(classify(text, { ...SETTINGS, encoding: 'SJIS' })?.map(({ kind }) => kind)).toEqual(['pass', 'copy'])
  expect(classify(text, { ...SETTINGS, encoding: 'LATIN1' })).toBeUndefined()
})

it('a refusal keeps its statement, without secrets', () => {
  const [statement] = classify(`COPY t TO '${URL}?sig=secret' (FREEZE)`, SETTINGS) ?? []
  expect(statement).toMatchObject({ kind: 'refuse', copy: `COPY t TO '${URL}?<redacted>' (FREEZE)` })
})

it('of many statements that would be edited the last pass as they are', () => {
  const found = classify('TABLE pg_settings; '.repeat(2000), SETTINGS) ?? []
  expect(found).toHaveLength(101)
  expect(found.at(-1)).toMatchObject({ kind: 'pass', count: 1900 })
})
