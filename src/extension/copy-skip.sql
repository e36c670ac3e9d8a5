-- ON_ERROR ignore of a COPY FROM that runs in the server: the rows of which the types' input functions take all values.
--
-- No SET search_path nor operator where these functions run: they are to find the caller's search_path. 16 and later tell
-- by pg_input_is_valid() what they would take. Before, it has to be tried, in a subtransaction for many rows together.

CREATE OR REPLACE FUNCTION azure_storage_private.base_type(type oid) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH RECURSIVE bases AS (
    SELECT t.oid, typtype, typbasetype FROM pg_type AS t WHERE t.oid = type
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype FROM bases AS b JOIN pg_type AS t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
  )
  SELECT oid FROM bases WHERE typtype <> 'd'
$function$;

-- What copy_valid_rows() needs beside the request. In it the columns are c1, c2, and so on, and text.
CREATE OR REPLACE FUNCTION azure_storage_private.skip_request(request jsonb, plan jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH columns AS (
    SELECT n, c ->> 'type' AS type, c ->> 'name' AS name, t.typtype = 'd' AS is_domain,
      azure_storage_private.base_type(t.oid) IN ('json'::regtype, 'jsonb'::regtype) AS is_json
    FROM jsonb_array_elements(request -> 'columns') WITH ORDINALITY AS e (c, n) JOIN pg_type AS t ON t.oid = (c ->> 'oid')::oid
  ), options AS (
    SELECT plan -> 'given' AS given, lower(plan #>> '{given,log_verbosity}') = 'verbose' AS is_verbose,
      quote_literal(request #>> '{copy,default_mark}') AS mark,
      lower(plan #>> '{given,header}') IN ('true', 'on', '1') AS header, request #>> '{copy,rejected_mark}' AS rejected_mark
  )
  SELECT jsonb_build_object(
    'given', given,
    'mark', request #> '{copy,default_mark}',
    'verbose', coalesce(is_verbose, false),
    'rejected_mark', rejected_mark,
    'tells', coalesce(is_verbose, false) OR rejected_mark IS NOT NULL,
    'columns', jsonb_agg(jsonb_build_object('key', 'c' || n, 'name', name, 'type', type, 'is_json', is_json) ORDER BY n),
    'definitions', string_agg(format('c%s pg_catalog.text', n), ', ' ORDER BY n),
    'object', format('pg_catalog.jsonb_object(ARRAY[%s], ARRAY[%s])',
      string_agg(format('''c%s''', n), ', ' ORDER BY n), string_agg('c' || n, ', ' ORDER BY n)),
    'values', string_agg(format('pg_catalog.jsonb_extract_path_text(v, ''c%s'') AS c%1$s', n), ', ' ORDER BY n),
    -- As COPY counts: a record's last line is told.
    'line', CASE WHEN NOT coalesce(is_verbose, false) AND rejected_mark IS NULL THEN 'NULL::pg_catalog.int8'
      ELSE format('pg_catalog.int8pl(%s, %s)', CASE WHEN header THEN 1 ELSE 0 END,
        CASE WHEN plan ->> 'format' <> 'csv' THEN 'pg_catalog.row_number() OVER ()'
        ELSE format('pg_catalog.sum(pg_catalog.int4pl(1, pg_catalog.int4mi(pg_catalog.octet_length(%1$s), '
          'pg_catalog.octet_length(pg_catalog.replace(%1$s, pg_catalog.chr(10), ''''))))) OVER (ROWS UNBOUNDED PRECEDING)',
          format('pg_catalog.array_to_string(ARRAY[%s], '''')', string_agg('c' || n, ', ' ORDER BY n))) END) END,
    'validity', CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN
      string_agg(format(
        'CASE WHEN c%1$s IS NULL THEN %2$s ELSE c%1$s OPERATOR(pg_catalog.=) %3$s OR pg_catalog.pg_input_is_valid(c%1$s, %4$L) END',
        n, CASE WHEN is_domain THEN format('azure_storage_private.input_error(NULL, %L, false) IS NULL', type) ELSE 'true' END,
        mark, type), ' AND ' ORDER BY n) END,
    -- A record of JSON has them taken by their input functions, with the modifiers of their types; but what is JSON itself.
    'trial', format('SELECT pg_catalog.count(ROW(%s)) FROM pg_catalog.unnest($1) AS u (v), pg_catalog.jsonb_to_record(v) AS r (%s)',
      string_agg(format('CAST(r.c%s AS %s)', n, type), ', ' ORDER BY n) FILTER (WHERE is_json),
      string_agg(format('c%s %s', n, CASE WHEN is_json THEN 'pg_catalog.text' ELSE type END), ', ' ORDER BY n)))
  FROM columns, options GROUP BY given, is_verbose, mark, header, rejected_mark
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.copy_valid_rows(key text) RETURNS SETOF record
LANGUAGE plpgsql AS $function$
DECLARE
  skip CONSTANT pg_catalog.jsonb := pg_catalog.jsonb_extract_path(azure_storage_private.kept_request(key), 'skip');
  definitions CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(skip, 'definitions');
  validity CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(skip, 'validity');
  valid CONSTANT pg_catalog.text := pg_catalog.format(
    'SELECT %s FROM pg_catalog.unnest($1) AS v', pg_catalog.jsonb_extract_path_text(skip, 'values'));
  blob_rows pg_catalog.refcursor;
  rows pg_catalog.jsonb[] := '{}';
  lines pg_catalog.int8[] := '{}';
  new_row pg_catalog.jsonb;
  line pg_catalog.int8;
  bytes pg_catalog.int8 := 0;
  found_valid pg_catalog.int8;
  kept pg_catalog.int8 := 0;
BEGIN
  IF validity IS NOT NULL AND NOT pg_catalog.jsonb_extract_path_text(skip, 'tells')::pg_catalog.bool THEN
    RETURN QUERY EXECUTE pg_catalog.format(
      'SELECT * FROM azure_storage_private.copy_rows(%L) AS blob (%s) WHERE %s', key, definitions, validity);
    GET DIAGNOSTICS kept = ROW_COUNT;
  ELSE
    -- FOR would take fifty rows at a time, however large.
    OPEN blob_rows FOR EXECUTE pg_catalog.format('SELECT %s, %s FROM azure_storage_private.copy_rows(%L) AS blob (%s)',
      pg_catalog.jsonb_extract_path_text(skip, 'object'), pg_catalog.jsonb_extract_path_text(skip, 'line'), key, definitions);
    LOOP
      FETCH blob_rows INTO new_row, line;
      EXIT WHEN NOT FOUND;
      rows := pg_catalog.array_append(rows, new_row);
      lines := pg_catalog.array_append(lines, line);
      bytes := pg_catalog.int8pl(bytes, pg_catalog.pg_column_size(new_row));
      IF pg_catalog.int4ge(pg_catalog.cardinality(rows), 256) OR pg_catalog.int8ge(bytes, 1048576) THEN
        RETURN QUERY EXECUTE valid USING azure_storage_private.valid_rows(rows, lines, skip);
        GET DIAGNOSTICS found_valid = ROW_COUNT;
        kept := pg_catalog.int8pl(kept, found_valid);
        rows := '{}';
        lines := '{}';
        bytes := 0;
      END IF;
    END LOOP;
    CLOSE blob_rows;
    RETURN QUERY EXECUTE valid USING azure_storage_private.valid_rows(rows, lines, skip);
    GET DIAGNOSTICS found_valid = ROW_COUNT;
    kept := pg_catalog.int8pl(kept, found_valid);
  END IF;
  PERFORM azure_storage_private.tell_skipped(kept, pg_catalog.jsonb_extract_path(skip, 'given'));
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.valid_rows(rows jsonb[], lines bigint[], skip jsonb) RETURNS jsonb[]
LANGUAGE plpgsql AS $function$
DECLARE
  validity CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(skip, 'validity');
  invalid pg_catalog.int4[];
  place pg_catalog.int4;
BEGIN
  IF validity IS NULL THEN
    invalid := ARRAY(SELECT azure_storage_private.invalid_rows(rows, 1, pg_catalog.jsonb_extract_path_text(skip, 'trial')));
  ELSE
    EXECUTE pg_catalog.format('SELECT ARRAY(SELECT n::pg_catalog.int4 FROM (SELECT n, %s '
        'FROM pg_catalog.unnest($1) WITH ORDINALITY AS u (v, n)) AS blob WHERE NOT (%s))',
      pg_catalog.jsonb_extract_path_text(skip, 'values'), validity) INTO invalid USING rows;
  END IF;
  IF pg_catalog.jsonb_extract_path_text(skip, 'tells')::pg_catalog.bool THEN
    FOREACH place IN ARRAY invalid LOOP
      PERFORM azure_storage_private.tell_row(rows[place], lines[place], skip);
    END LOOP;
  END IF;
  RETURN ARRAY(SELECT r FROM pg_catalog.unnest(rows) WITH ORDINALITY AS u (r, n) WHERE n OPERATOR(pg_catalog.<>) ALL (invalid));
END
$function$;

-- The places of those that a trial fails with, by halves. `first`: the first one's place.
CREATE OR REPLACE FUNCTION azure_storage_private.invalid_rows(rows jsonb[], first integer, trial text) RETURNS SETOF integer
LANGUAGE plpgsql AS $function$
DECLARE
  half CONSTANT pg_catalog.int4 := pg_catalog.int4div(pg_catalog.cardinality(rows), 2);
BEGIN
  BEGIN
    EXECUTE trial USING rows;
    RETURN;
  EXCEPTION WHEN OTHERS THEN
    IF NOT azure_storage_private.is_refusal(SQLSTATE) THEN RAISE; END IF;
  END;
  IF pg_catalog.int4eq(half, 0) THEN
    RETURN NEXT first;
  ELSE
    RETURN QUERY SELECT azure_storage_private.invalid_rows(rows[:half], first, trial);
    RETURN QUERY SELECT azure_storage_private.invalid_rows(
      rows[pg_catalog.int4inc(half):], pg_catalog.int4pl(first, half), trial);
  END IF;
END
$function$;

-- Whether it is about a value, not about the server.
CREATE OR REPLACE FUNCTION azure_storage_private.is_refusal(sqlstate_p text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT left(sqlstate_p, 2) NOT IN ('25', '40', '53', '55', '57', '58', 'P0', 'XX')
$function$;

-- Why a type's input function does not take a value; NULL where it does.
CREATE OR REPLACE FUNCTION azure_storage_private.input_error(value text, type text, is_json boolean) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  IF is_json THEN
    EXECUTE pg_catalog.format('SELECT CAST($1 AS %s)', type) USING value;
  ELSE
    EXECUTE pg_catalog.format('SELECT FROM pg_catalog.jsonb_to_record(pg_catalog.jsonb_build_object(''v'', $1)) AS r (v %s)', type)
    USING value;
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  IF NOT azure_storage_private.is_refusal(SQLSTATE) THEN RAISE; END IF;
  RETURN SQLERRM;
END
$function$;

-- To the client, and to the proxy for the blob of rejected rows: it keeps the INFO with its mark.
CREATE OR REPLACE FUNCTION azure_storage_private.tell_row(new_row jsonb, line bigint, skip jsonb) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
  name pg_catalog.text;
  value pg_catalog.text;
  message pg_catalog.text;
  mark CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(skip, 'rejected_mark');
BEGIN
  SELECT c.name, c.value, e INTO name, value, message
  FROM azure_storage_private.row_values(new_row, skip) AS c,
    azure_storage_private.input_error(c.value, c.type, c.is_json) AS e
  WHERE e IS NOT NULL LIMIT 1;
  IF pg_catalog.jsonb_extract_path_text(skip, 'verbose')::pg_catalog.bool THEN
    RAISE NOTICE 'skipping row due to data type incompatibility at line % for column "%": %', line, name,
      azure_storage_private.shown_value(value);
  END IF;
  IF mark IS NOT NULL THEN
    RAISE INFO 'azure_storage: rejected %', mark
      USING DETAIL = azure_storage_private.rejected_row(line, name, message, new_row, skip);
  END IF;
END
$function$;

-- As COPY would write its values; for a default stands what the file has.
CREATE OR REPLACE FUNCTION azure_storage_private.row_in_csv(new_row jsonb, skip jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT string_agg(CASE WHEN v IS NULL THEN ''
    WHEN v IN ('', chr(92) || '.') OR v ~ concat('[",', chr(10), chr(13), ']') THEN '"' || replace(v, '"', '""') || '"' ELSE v END, ',' ORDER BY n)
  FROM jsonb_array_elements(skip -> 'columns') WITH ORDINALITY AS e (c, n),
    nullif(new_row ->> (c ->> 'key'), skip ->> 'mark') AS w (w),
    coalesce(w, CASE WHEN new_row ->> (c ->> 'key') IS NOT NULL THEN skip #>> '{given,default}' END) AS v (v)
$function$;

-- ASCII, for every client encoding takes that. Long texts are cut: the proxy has a message whole, and writes it in one go.
CREATE OR REPLACE FUNCTION azure_storage_private.rejected_row(
  line bigint, column_name text, message text, new_row jsonb, skip jsonb
) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT encode(convert_to(jsonb_build_array(line, column_name, left(message, 1024),
    left(azure_storage_private.row_in_csv(new_row, skip), 65536))::text, 'UTF8'), 'base64')
$function$;

-- But those that stand for a default.
CREATE OR REPLACE FUNCTION azure_storage_private.row_values(
  new_row jsonb, skip jsonb, OUT name text, OUT value text, OUT type text, OUT is_json boolean
) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT c ->> 'name', new_row ->> (c ->> 'key'), c ->> 'type', (c ->> 'is_json')::boolean
  FROM jsonb_array_elements(skip -> 'columns') WITH ORDINALITY AS e (c, n)
  WHERE (new_row ->> (c ->> 'key') = skip ->> 'mark') IS NOT TRUE
  ORDER BY n
$function$;

-- As COPY does: no more than 100 bytes.
CREATE OR REPLACE FUNCTION azure_storage_private.shown_value(value text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT CASE WHEN value IS NULL THEN 'null input' WHEN octet_length(value) <= 100 THEN '"' || value || '"'
    ELSE '"' || left(value, 100) || '..."' END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.tell_skipped(kept bigint, given jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  skipped CONSTANT bigint := current_setting('azure_storage.copied')::bigint - kept;
BEGIN
  IF skipped > (given ->> 'reject_limit')::bigint THEN
    RAISE EXCEPTION 'skipped more than REJECT_LIMIT (%) rows due to data type incompatibility', (given ->> 'reject_limit')::bigint
      USING ERRCODE = 'invalid_text_representation';
  ELSIF skipped > 0 AND lower(coalesce(given ->> 'log_verbosity', '')) <> 'silent' THEN
    RAISE NOTICE '% % skipped due to data type incompatibility', skipped,
      CASE WHEN skipped = 1 THEN 'row was' ELSE 'rows were' END;
  END IF;
END
$function$;

-- What the proxy runs in the place of a client's own COPY. It keeps the INFO, which clients get whatever they have set.
CREATE OR REPLACE PROCEDURE azure_storage_private.copy_in_server(part text)
LANGUAGE plpgsql AS $function$
DECLARE
  copied pg_catalog.int8;
BEGIN
  EXECUTE azure_storage_private.copy_text(part::pg_catalog.jsonb);
  GET DIAGNOSTICS copied = ROW_COUNT;
  RAISE INFO 'azure_storage: copied %', copied;
END
$function$;
