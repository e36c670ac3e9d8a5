import type { Random } from './random.ts'

/** Bodies in PL/pgSQL that speak of copy and copy no blob; what they do shows in notices, and many end in an error. */
export function plpgsqlBody(random: Random): string {
  const newline = random.pick(['\n', '\n', '\r\n', ' '])
  const gap = (): string =>
    random.pick([' ', ' ', newline, ` /* copy; EXECUTE x */ `, newline === ' ' ? ' ' : ` -- it's${newline}`])
  const number = (): string => random.pick(['1', '2', 'n', 'm', 'length(s)', '(SELECT 3)', 'n / (m - 2)', 'copy'])
  const text = (): string =>
    random.pick([
      "'copy'",
      's',
      "E'it\\'s'",
      "$q$'a'$q$",
      'upper(s)',
      "'COPY t FROM ''https:'",
      '"s"',
      "'a' || s",
      "format('%s;%L', s, n)",
    ])
  const condition = (): string =>
    random.pick([`${number()} > 1`, `s LIKE 'c%'`, 'n = 3 OR (m > n)', `${text()} IS NULL`, 'true'])
  /** What EXECUTE runs. */
  const dynamic = (): string =>
    random.pick([
      `'SELECT ' || ${number()}`,
      `format('SELECT %s', ${number()})`,
      `'SELECT 1 / ' || (${number()} - 1)`,
      `$x$SELECT count(*) FROM copy$x$`,
      `'SELECT $1 + 1'`,
      `CASE WHEN ${condition()} THEN 'SELECT 4' ELSE 'SELECT copy' END`,
      `(SELECT 'SELECT 5')`,
      `'SELECT 6' FROM generate_series(1, 1)`,
      `'INSERT INTO copy VALUES (' || ${number()} || ')'`,
      `concat('DELETE FROM copy WHERE a = ', ${number()})`,
      'NULL',
      'q',
      `q::name`,
      `'SEL' || 'ECT 7, 8'`,
      `'DO $d$ BEGIN RAISE NOTICE ''copy %'', ' || ${number()} || '; END $d$'`,
      `ARRAY['SELECT 9'][1]`,
      `'COPY copy FROM ''/no/copy'''`,
      "'CREATE TABLE copy (a int)'",
      "array_to_string('{SELECT,10}'::text[], ' ')",
    ])
  const target = (): string => random.pick(['', '', ` INTO n`, ` INTO STRICT n`, ` INTO n, m`])
  const using = (): string => random.pick(['', '', ` USING ${number()}`, ` USING n, ${text()}`])
  const statement = (depth: number): string => {
    const kind = random.below(depth > 2 ? 9 : 18)
    switch (kind) {
      case 0:
      case 1:
      case 2:
        return `EXECUTE${gap()}${dynamic()}${gap()}${target()}${using()};`
      case 3:
        return `n := ${number()};`
      case 4:
        return `s = ${text()};`
      case 5:
        return `RAISE NOTICE '% % %',${gap()}n, m, ${text()};`
      case 6:
        return `INSERT INTO copy VALUES (${number()}); GET DIAGNOSTICS m = ROW_COUNT;`
      case 7:
        return `PERFORM ${number()}; copy := ${number()};`
      case 8:
        return random.pick([
          "RAISE EXCEPTION 'copy';",
          'm := 1 / 0;',
          'EXECUTE;',
          'EXECUTE nope;',
          'NULL;',
          'SELECT a FROM copy;',
          "q := 'SELECT 11';",
          'SELECT count(*) INTO n FROM copy;',
        ])
      case 9:
        return `IF ${condition()} THEN${gap()}${block(depth)}${random.chance(0.5) ? ` ELSIF ${condition()} THEN ${block(depth)}` : ''} ELSE ${block(depth)} END IF;`
      case 10:
        return `FOR i IN 1 .. 2 LOOP${gap()}${block(depth)} END LOOP;`
      case 11:
        return `FOR r IN SELECT a FROM copy LIMIT 2 LOOP ${block(depth)} END LOOP;`
      case 12:
        return `FOR r IN EXECUTE ${dynamic()}${using()} LOOP RAISE NOTICE '%', r; ${block(depth)} END LOOP;`
      case 13:
        return `WHILE k < 3 LOOP k := k + 1; ${block(depth)} END LOOP;`
      case 14:
        return `CASE ${random.pick(['', number()])} WHEN ${random.pick(['1', 'true', condition()])} THEN ${block(depth)} ELSE ${block(depth)} END CASE;`
      case 15:
        return `${random.pick(['', '<<copy>> '])}DECLARE m int := ${number()}; BEGIN ${block(depth)} END;`
      case 16:
        return `BEGIN ${block(depth)} EXCEPTION WHEN ${random.pick(['OTHERS', 'division_by_zero OR undefined_column', "SQLSTATE '42601'"])} THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; ${block(depth)} END;`
      default:
        return `DO $in$ DECLARE n int := 1; m int := 2; k int := 0; copy int; s text := 'x'; q text; r record; BEGIN ${block(2)} END $in$;`
    }
  }
  const block = (depth: number): string =>
    Array.from({ length: 1 + random.below(3) }, () => statement(depth + 1)).join(gap())
  return `DECLARE${gap()}n int := ${random.below(4)}; m int := 2; k int := 0; copy int := 1; s text := 'copy'; q text := 'SELECT 12'; r record;${newline}BEGIN${newline}${block(0)}${newline}${block(0)}${newline}END${gap()}`
}

export function quotedBody(body: string, random: Random): string {
  const escaped = body.replaceAll("'", "''")
  return random.pick([
    `$$${body}$$`,
    `$body$${body}$body$`,
    `'${escaped}'`,
    `E'${escaped.replaceAll('\\', '\\\\')}'`,
    `$$${body}$$`,
  ])
}
