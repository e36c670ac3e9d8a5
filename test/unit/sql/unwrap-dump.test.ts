import { expect, test } from 'vitest'
import { DumpUnwrapper } from '../../../src/sql/unwrap-dump.ts'

const S = 'azure_storage_private.statement'
const WRAPPED = `--
-- it's a dump
\\restrict x
CREATE FUNCTION public.a() RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
  EXECUTE ${S}(format('COPY %I; )', $1)); -- it's;
  EXECUTE ${S}(/* COPY */ E'COPY t FROM ''https://x'' (NULL ''\\\\N'')');\r
  EXECUTE ${S}(/* SELECT */ (SELECT a FROM b));
END $_$;

CREATE PROCEDURE public.b()
    LANGUAGE plpgsql
    AS 'BEGIN
  EXECUTE ${S}(copy);
END';

CREATE FUNCTION public.c() RETURNS void
    LANGUAGE sql
    AS $$SELECT azure_storage_private.run(/* COPY */ 'COPY t FROM ''https://x''')$$;

`
/** Rows, and literals of other statements, are not the functions of this dump. */
const DATA = `COPY public.t (a) FROM stdin;
CREATE FUNCTION ${S}(x) don't
CREATE FUNCTION x AS $$ ${S}(x) $$;
\\.

INSERT INTO x VALUES ('it''s
CREATE FUNCTION y AS $$ ${S}(x) $$;
', E'\\'
CREATE FUNCTION z AS $$ ${S}(x) $$;
');
/* CREATE FUNCTION
CREATE FUNCTION y AS $$ ${S}(x) $$; */
SELECT 1`

test('functions become what they were, and nothing else changes', () => {
  const unwrapper = new DumpUnwrapper()
  const lines = (WRAPPED + DATA).split(/(?<=\n)/)
  const original = WRAPPED.replace(`${S}(format('COPY %I; )', $1))`, "format('COPY %I; )', $1)")
    .replace(
      `EXECUTE ${S}(/* COPY */ E'COPY t FROM ''https://x'' (NULL ''\\\\N'')')`,
      "COPY t FROM 'https://x' (NULL '\\N')",
    )
    .replace(`${S}(/* SELECT */ (SELECT a FROM b))`, 'a FROM b')
    .replace(`${S}(copy)`, 'copy')
    .replace("SELECT azure_storage_private.run(/* COPY */ 'COPY t FROM ''https://x''')", "COPY t FROM 'https://x'")
  expect(lines.map(line => unwrapper.push(line)).join('') + unwrapper.end()).toBe(original + DATA)
})
