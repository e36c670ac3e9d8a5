import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'

const SRC = join(import.meta.dirname, '../../src')

/** Types that operators are planted for, each with each: the operators' own, and those that suit a name or a literal. */
const OPERAND_TYPES = [
  'text',
  'name',
  'oid',
  'int4',
  'int8',
  '"char"',
  'bool',
  'regclass',
  'numeric',
  'jsonb',
  'bytea',
  'anyelement',
]

/** Every word and operator that the product's SQL and TypeScript use: more than its texts call, and none less. */
export function namesInSource(): { readonly words: string[]; readonly operators: string[] } {
  const words = new Set<string>()
  const operators = new Set(['~~', '!~~', '~~*']) // LIKE
  for (const file of readdirSync(SRC, { recursive: true, encoding: 'utf8' })) {
    if (!/[.](sql|ts)$/.test(file)) continue
    const text = readFileSync(join(SRC, file), 'utf8')
    for (const [word] of text.matchAll(/[a-z_][a-z0-9_]+/gi)) words.add(word.toLowerCase())
    if (file.endsWith('.sql')) for (const [run] of text.matchAll(/[-+*/<>=~!@#%^&|?]+/g)) operators.add(run)
  }
  return { words: [...words], operators: [...operators] }
}

/**
 * What a session of the attacker's plants in `schema`: a relation, a type, a function and an operator of each name that
 * PostgreSQL has and the product uses. Each calls evil.caught(). What cannot be made is left out.
 */
const PLANT = `
DO $plant$
DECLARE
  schema CONSTANT text := current_setting('evil.schema');
  words CONSTANT text[] := string_to_array(current_setting('evil.words'), ' ');
  operators CONSTANT text[] := string_to_array(current_setting('evil.operators'), ' ');
  types CONSTANT text[] := string_to_array(current_setting('evil.types'), ' ');
  planted integer := 0;
  each record;
  statement text;
BEGIN
  FOR statement IN
    SELECT format('CREATE VIEW %I.%I AS SELECT c.* FROM pg_catalog.%2$I AS c WHERE evil.caught(%L)', schema, relname,
      'relation ' || relname)
    FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') AND relname = ANY (words)
    UNION ALL
    SELECT format('CREATE DOMAIN %I.%I AS pg_catalog.%2$I CHECK (evil.caught(%L))', schema, typname, 'type ' || typname)
    FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typelem = 0 AND typname = ANY (words)
    UNION ALL
    SELECT format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', schema, proname,
      pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
      format('BEGIN PERFORM evil.caught(%L); RETURN %s; END', 'function ' || p.oid::regprocedure,
        CASE WHEN proretset OR prorettype = 'void'::regtype THEN '' ELSE 'NULL' END))
    FROM pg_proc AS p WHERE pronamespace = 'pg_catalog'::regnamespace AND schema !~ '^pg_temp' AND proname = ANY (words)
    UNION ALL
    SELECT format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', schema, proname,
      regexp_replace(repeat(type || ', ', pronargs), ', $', ''), coalesce(nullif(type, 'text'), 'text'),
      format('BEGIN PERFORM evil.caught(%L); RETURN NULL; END', 'function ' || proname || ' of ' || type))
    FROM (SELECT DISTINCT proname, pronargs FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND pronargs BETWEEN 1 AND 4 AND proname = ANY (words)) AS p,
      unnest(ARRAY['text', 'name', 'anyelement']) AS type
    WHERE schema !~ '^pg_temp'
    UNION ALL
    SELECT format('CREATE FUNCTION %1$I.%2$I(%3$s, %4$s) RETURNS bool LANGUAGE plpgsql AS %5$L; '
        'CREATE OPERATOR %1$I.%6$s (FUNCTION = %1$I.%2$I, LEFTARG = %3$s, RIGHTARG = %4$s)', schema, 'operator_' || o,
      l, r, format('BEGIN PERFORM evil.caught(%L); RETURN true; END', format('operator %s (%s, %s)', operator, l, r)), operator)
    FROM unnest(operators) WITH ORDINALITY AS t (operator, o), unnest(types) AS l, unnest(types) AS r
    WHERE schema !~ '^pg_temp' AND operator IN (SELECT oprname FROM pg_operator)
  LOOP
    BEGIN
      EXECUTE statement;
      planted := planted + 1;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  PERFORM set_config('evil.planted', planted::text, false);
END
$plant$`

/** What catches: it tells who was there, even if the transaction is rolled back. The attacker itself is nobody to tell of. */
const CATCHER = (attacker: string): string => `
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.calls (name text, caller text, session text);
CREATE SEQUENCE evil.called;
GRANT INSERT ON evil.calls TO PUBLIC;
GRANT USAGE ON SEQUENCE evil.called TO PUBLIC;
CREATE FUNCTION evil.caught(name text) RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF current_user <> '${attacker}' THEN
    PERFORM nextval('evil.called');
    INSERT INTO evil.calls VALUES (name, current_user, session_user);
  END IF;
  RETURN true;
END $$`

/** `owner` is the attacker's session in its database. Returns how many there are. */
export async function plant(owner: pg.Client, attacker: string, schemas: readonly string[]): Promise<number> {
  await owner.query('SET search_path = pg_catalog')
  await owner.query(CATCHER(attacker))
  let planted = 0
  for (const schema of schemas) {
    await owner.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`)
    planted += await plantIn(owner, schema)
  }
  return planted
}

/** In the session's own temporary schema: a view and a type of each name; functions are not looked for there. */
export async function plantTemporary(session: pg.Client): Promise<number> {
  await session.query('SET search_path = pg_catalog; CREATE TEMP TABLE makes_the_schema ()')
  const { rows } = await session.query('SELECT pg_my_temp_schema()::regnamespace::text AS schema')
  const planted = await plantIn(session, rows[0].schema)
  await session.query('RESET search_path')
  return planted
}

async function plantIn(session: pg.Client, schema: string): Promise<number> {
  const { words, operators } = namesInSource()
  const settings = { schema, words: words.join(' '), operators: operators.join(' '), types: OPERAND_TYPES.join(' ') }
  for (const [name, value] of Object.entries(settings)) {
    await session.query("SELECT pg_catalog.set_config('evil.' || $1, $2, false)", [name, value])
  }
  await session.query(PLANT)
  return Number((await session.query("SELECT current_setting('evil.planted') AS n")).rows[0].n)
}
