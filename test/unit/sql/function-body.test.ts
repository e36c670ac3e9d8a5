import { describe, expect, it } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'
import { unwrapBody } from '../../../src/sql/unwrap.ts'

const settings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}

const rewritten = (text: string, standardConformingStrings = true): string => {
  const latin1 = Buffer.from(text).toString('latin1')
  let result = ''
  let done = 0
  for (const statement of classify(latin1, { ...settings, standardConformingStrings }) ?? []) {
    if (statement.kind !== 'body') continue
    for (const { start, end, text } of statement.edits) {
      result += latin1.slice(done, start) + text
      done = end
    }
  }
  return Buffer.from(result + latin1.slice(done), 'latin1').toString()
}
const body = (source: string): string => {
  const text = rewritten(`DO $do$${source}$do$`)
  const inner = text.slice('DO $do$'.length, -'$do$'.length)
  expect(unwrapBody(inner)).toBe(source)
  return inner
}
const S = 'azure_storage_private.statement'
const URL = "'https://acct.blob.core.windows.net/c/x.csv'"

describe('EXECUTE in a body that mentions copy', () => {
  it.each([
    ["BEGIN EXECUTE 'COPY t FROM ' || x; END", `BEGIN EXECUTE ${S}('COPY t FROM ' || x); END`],
    ["BEGIN EXECUTE format('COPY %I', t) USING a; END", `BEGIN EXECUTE ${S}(format('COPY %I', t)) USING a; END`],
    ['BEGIN EXECUTE copy INTO n USING a; END', `BEGIN EXECUTE ${S}(copy) INTO n USING a; END`],
    [
      'BEGIN\r\n  EXECUTE -- copy\r\n  /* a */ q /* b */ ; -- it\r\nEND',
      `BEGIN\r\n  EXECUTE -- copy\r\n  /* a */ ${S}(q) /* b */ ; -- it\r\nEND`,
    ],
    ['BEGIN EXECUTE q -- copy\n; END', `BEGIN EXECUTE ${S}(q) -- copy\n; END`],
    [
      'BEGIN EXECUTE sql FROM copy WHERE id = 1; END',
      `BEGIN EXECUTE ${S}(/* SELECT */ (SELECT sql FROM copy WHERE id = 1)); END`,
    ],
    ['BEGIN EXECUTE (SELECT copy FROM c); END', `BEGIN EXECUTE ${S}((SELECT copy FROM c)); END`],
    [
      'DECLARE copy text := 1; BEGIN IF a THEN EXECUTE x; ELSIF b THEN EXECUTE y; ELSE EXECUTE z; END IF; END',
      `DECLARE copy text := 1; BEGIN IF a THEN EXECUTE ${S}(x); ELSIF b THEN EXECUTE ${S}(y); ELSE EXECUTE ${S}(z); END IF; END`,
    ],
    [
      '<<copy>> BEGIN FOR r IN SELECT 1 LOOP EXECUTE x; END LOOP; WHILE a LOOP EXECUTE y; END LOOP; LOOP EXECUTE z; END LOOP; END',
      `<<copy>> BEGIN FOR r IN SELECT 1 LOOP EXECUTE ${S}(x); END LOOP; WHILE a LOOP EXECUTE ${S}(y); END LOOP; LOOP EXECUTE ${S}(z); END LOOP; END`,
    ],
    [
      "BEGIN CASE x WHEN 1 THEN EXECUTE a; ELSE EXECUTE b; END CASE; EXCEPTION WHEN SQLSTATE 'copy1' THEN EXECUTE c; END",
      `BEGIN CASE x WHEN 1 THEN EXECUTE ${S}(a); ELSE EXECUTE ${S}(b); END CASE; EXCEPTION WHEN SQLSTATE 'copy1' THEN EXECUTE ${S}(c); END`,
    ],
    [
      '#variable_conflict use_column\nBEGIN EXECUTE copy; END',
      `#variable_conflict use_column\nBEGIN EXECUTE ${S}(copy); END`,
    ],
    [
      "BEGIN EXECUTE E'a\\')' || $$)$$ || \")\" || copy(1); END",
      `BEGIN EXECUTE ${S}(E'a\\')' || $$)$$ || ")" || copy(1)); END`,
    ],
  ])('%s', (source, expected) => expect(body(source)).toBe(expected))

  it.each([
    'BEGIN EXECUTE x; END',
    "BEGIN EXECUTE 'SELECT 1'; PERFORM copy(); END",
    'BEGIN FOR r IN EXECUTE copy LOOP NULL; END LOOP; RETURN QUERY EXECUTE copy; OPEN c FOR EXECUTE copy; END',
    'BEGIN GRANT EXECUTE ON FUNCTION copy TO x; copy := 1; copy.a := 2; END',
    `BEGIN EXECUTE ${S}(copy); EXECUTE ${S}('COPY t FROM ${'https'}'); END`,
    "BEGIN EXECUTE 1 +; COPY t FROM STDIN; COPY t FROM '/copy'; END",
    'BEGIN EXECUTE VARIADIC copy; EXECUTE; END',
  ])('stays: %s', source => expect(rewritten(`DO $do$${source}$do$`)).toBe(`DO $do$${source}$do$`))
})

describe('a COPY of its own', () => {
  it.each([
    [`BEGIN COPY t FROM ${URL}; END`, `BEGIN EXECUTE ${S}(/* COPY */ 'COPY t FROM '${URL}''); END`],
    [
      `BEGIN copy t\r\n  FROM ${URL} -- here\r\n WITH (DELIMITER E'\\t'); END`,
      `BEGIN EXECUTE ${S}(/* COPY */ E'copy t\r\n  FROM '${URL}' -- here\r\n WITH (DELIMITER E''\\\\t'')'); END`,
    ],
  ])('%s', (source, expected) => expect(body(source)).toBe(expected))

  it('in a function in SQL', () => {
    const text = `CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM t; COPY t FROM ${URL} (FORMAT csv); $$`
    expect(rewritten(text)).toBe(
      `CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM t; SELECT azure_storage_private.run(/* COPY */ 'COPY t FROM '${URL}' (FORMAT csv)'); $$`,
    )
  })
})

describe('how the body is quoted', () => {
  it.each([
    ["'BEGIN EXECUTE ''COPY '' || $1; END'", `'BEGIN EXECUTE ${S}(''COPY '' || $1); END'`],
    ["E'BEGIN\\n EXECUTE \\'COPY \\' || \\\\x; END'", "E'BEGIN\\n EXECUTE \\'COPY \\' || \\\\x; END'"], // no expression
    ["E'BEGIN\\n EXECUTE \\'COPY\\' || x; END'", `E'BEGIN\\n EXECUTE ${S}(\\'COPY\\' || x); END'`],
    [
      `'BEGIN COPY t FROM '${URL}'; END'`,
      `'BEGIN EXECUTE ${S}(/* COPY */ ''COPY t FROM ''''https://acct.blob.core.windows.net/c/x.csv'''''');  END'`.replace(
        '  END',
        ' END',
      ),
    ],
    ["'BEGIN EXECUTE '\n'copy; END'", `'BEGIN EXECUTE ${S}(copy); END'`],
    ['$é$BEGIN EXECUTE "é" || copy; END$é$', `$é$BEGIN EXECUTE ${S}("é" || copy); END$é$`],
  ])('%s', (literal, expected) => {
    expect(rewritten(`CREATE PROCEDURE p() AS ${literal} LANGUAGE 'plpgsql'`)).toBe(
      `CREATE PROCEDURE p() AS ${expected} LANGUAGE 'plpgsql'`,
    )
  })

  it('with escapes in plain quotes', () => {
    expect(rewritten("DO 'BEGIN EXECUTE \\'COPY\\'||x; END'", false)).toBe(
      `DO 'BEGIN EXECUTE ${S}(\\'COPY\\'||x); END'`,
    )
  })

  it('other languages stay', () => {
    const text = "CREATE FUNCTION f() RETURNS void LANGUAGE plperl AS 'BEGIN EXECUTE copy; END'"
    expect(rewritten(text)).toBe(text)
  })
})
