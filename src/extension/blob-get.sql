-- The columns of a result travel through these functions as a JSON array of {type, name, generated}: `type` as
-- format_type writes it under search_path = pg_catalog, pg_temp, `name` where it is known.

-- The result that a function is expected to return is told to C functions only. But RETURN QUERY says what is wrong
-- with a result, one column at a time: so blob_get tries, each time in a subtransaction of its own. No column of a
-- result can be a cstring, hence each is asked for.
CREATE OR REPLACE FUNCTION azure_storage_private.trial_result(columns jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.speak_plainly();
  RETURN (
    SELECT format('SELECT %s WHERE false', string_agg(format('CAST(NULL AS %s)', c ->> 'type'), ', ' ORDER BY n))
    FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n));
END
$function$;

-- For the rest of the subtransaction: the message is to be read by learn_result.
CREATE OR REPLACE FUNCTION azure_storage_private.speak_plainly() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF current_setting('lc_messages') !~ '^(C|POSIX|en)' THEN
    PERFORM set_config('lc_messages', 'C', true);
  END IF;
END
$function$;

-- "expected type T in column 2", from PostgreSQL 18 on "in column "name" (position 2)"; "expected column count (3)".
CREATE OR REPLACE FUNCTION azure_storage_private.learn_result(columns jsonb, detail text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  part text[] := regexp_match(detail, 'expected type (.*) in column (?:"(.*)" [(]position )?([0-9]+)[)]?[.]$');
  missing integer;
BEGIN
  IF part IS NOT NULL THEN
    RETURN jsonb_set(columns, ARRAY[(part[3]::integer - 1)::text],
      jsonb_strip_nulls(jsonb_build_object('type', part[1], 'name', part[2])));
  END IF;
  missing := (regexp_match(detail, 'expected column count [(]([0-9]+)[)]'))[1]::integer - jsonb_array_length(columns);
  IF missing > 0 THEN
    RETURN columns || (SELECT jsonb_agg(jsonb_build_object('type', 'cstring')) FROM generate_series(1, missing));
  END IF;
  RAISE EXCEPTION 'azure_storage: cannot find out the columns of the result' USING DETAIL = detail;
END
$function$;

-- The columns of a row type, which may have none; any other type is a column itself.
CREATE OR REPLACE FUNCTION azure_storage_private.columns_of_type(row_type regtype) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH RECURSIVE base (oid, typrelid, typtype, typbasetype) AS (
    SELECT oid, typrelid, typtype, typbasetype FROM pg_type WHERE oid = row_type
    UNION ALL
    SELECT t.oid, t.typrelid, t.typtype, t.typbasetype
    FROM base JOIN pg_type AS t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
  )
  SELECT coalesce(
    (SELECT jsonb_agg(jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'name', a.attname,
        'oid', a.atttypid::bigint, 'typmod', a.atttypmod, 'generated', a.attgenerated <> '') ORDER BY a.attnum)
      FROM base JOIN pg_attribute AS a ON a.attrelid = base.typrelid
      WHERE base.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT '[]'::jsonb FROM base WHERE base.typtype = 'c'),
    jsonb_build_array(jsonb_build_object(
      'type', format_type(row_type, NULL), 'oid', row_type::oid::bigint, 'typmod', -1)))
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.get_request(
  account_name text, container_name text, path text, decoder text, compression text, options jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_argument(name, missing)
  FROM (VALUES ('account_name', account_name IS NULL), ('container_name', container_name IS NULL),
    ('path', path IS NULL), ('decoder', decoder IS NULL), ('compression', compression IS NULL)) AS t (name, missing);
  RETURN jsonb_build_object('container', container_name, 'path', path, 'decoder', decoder,
    'compression', compression, 'options', options);
END
$function$;

-- The blob as a cursor, in columns of the given types; or with_line as text, behind the line where a row begins. The
-- cursor may use what is ours alone, because it is opened here. But it runs as whoever fetches from it, and so does the
-- code that the types bring along, such as the CHECK constraint of a domain.
CREATE OR REPLACE FUNCTION azure_storage_private.get_open(
  caller azure_storage_private.caller, account text, request jsonb, columns jsonb, with_line boolean
) RETURNS refcursor
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  sent_columns jsonb;
  selected text;
  definitions text;
  blob_rows refcursor; -- named like its connection, for close_connection()
  sent_request text;
  access CONSTANT jsonb := azure_storage_private.access(
    caller, account, request ->> 'container', request #>> '{copy,sas}' IS NOT NULL);
BEGIN
  -- A direct caller may not slip anything but the name of a type into the statement below.
  PERFORM (c ->> 'type')::regtype FROM jsonb_array_elements(columns) AS c;
  SELECT
    jsonb_agg(jsonb_build_object('name', c -> 'name', 'oid', (c ->> 'type')::regtype::oid::bigint, 'typmod', -1,
        'domain', (SELECT typtype = 'd' FROM pg_type WHERE oid = (c ->> 'type')::regtype))
      ORDER BY n) FILTER (WHERE is_sent),
    string_agg(CASE WHEN is_sent THEN format('c%s', n) ELSE format('CAST(NULL AS %s)', type) END, ', ' ORDER BY n),
    string_agg(format('c%s %s', n, type), ', ' ORDER BY n) FILTER (WHERE is_sent)
  INTO sent_columns, selected, definitions
  FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n),
    coalesce(NOT (c -> 'generated')::boolean, true) AS is_sent,
    coalesce(CASE WHEN with_line THEN 'text' END, c ->> 'type') AS type;
  IF sent_columns IS NULL THEN
    RAISE EXCEPTION 'azure_storage: a blob cannot be read into a row type without columns'
      USING ERRCODE = 'feature_not_supported', DETAIL = 'Generated columns do not count.';
  END IF;
  IF with_line THEN
    definitions := 'line text, ' || definitions;
    selected := '*';
  END IF;
  IF azure_storage_private.is_parquet(request ->> 'path', request ->> 'decoder') THEN
    sent_columns := azure_storage_private.with_shapes(sent_columns);
  END IF;
  IF request ->> 'path' ~ '[*?[]' THEN
    request := request || jsonb_build_object('files', azure_storage_private.file_settings());
  END IF;
  SELECT * INTO blob_rows, sent_request FROM azure_storage_private.connect_for('GET', request || jsonb_build_object(
    'access', access, 'account', account, 'columns', sent_columns, 'with_line', with_line));
  OPEN blob_rows NO SCROLL FOR EXECUTE format(
    'SELECT %s FROM azure_storage_private.dblink($1, $2) AS t (%s)', selected, definitions)
    USING blob_rows::text, sent_request;
  RETURN blob_rows;
END
$function$;

-- In both, neither SET search_path nor an operator: the types' code is to find the caller's search_path.
--
-- What both do with get_open stands twice, for it cannot be a function of its own: RETURN QUERY holds the rows against
-- the result of the function that it stands in, and whoever calls one that returns SETOF record has to name the
-- columns, and makes a further copy of all rows.

CREATE OR REPLACE FUNCTION azure_storage.blob_get(
  account_name text, container_name text, path text, decoder text DEFAULT 'auto', compression text DEFAULT 'auto',
  options jsonb DEFAULT NULL
) RETURNS SETOF record
LANGUAGE plpgsql AS $function$
DECLARE
  request CONSTANT pg_catalog.jsonb := azure_storage_private.get_request(
    account_name, container_name, path, decoder, compression, options);
  columns pg_catalog.jsonb := '[{"type": "cstring"}]';
  blob_rows pg_catalog.refcursor;
  detail pg_catalog.text;
  context pg_catalog.text;
BEGIN
  LOOP
    BEGIN
      PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
      RETURN QUERY EXECUTE azure_storage_private.trial_result(columns);
      RAISE datatype_mismatch; -- to undo the settings
    EXCEPTION WHEN datatype_mismatch THEN
      GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    END;
    EXIT WHEN pg_catalog.texteq(detail, '');
    columns := azure_storage_private.learn_result(columns, detail);
  END LOOP;
  BEGIN
    SELECT azure_storage_private.get_open(c, account_name, request, columns, false) INTO blob_rows
    FROM azure_storage_private.caller AS c;
    RETURN QUERY EXECUTE pg_catalog.format('FETCH ALL FROM %I', blob_rows);
    CLOSE blob_rows;
    PERFORM azure_storage_private.close_connection(blob_rows);
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    PERFORM azure_storage_private.close_connection(blob_rows, SQLSTATE);
    PERFORM azure_storage_private.explain_failure(SQLSTATE, context, account_name, request, columns);
    RAISE;
  END;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.blob_get(
  account_name text, container_name text, path text, rec anyelement, decoder text DEFAULT 'auto',
  compression text DEFAULT 'auto', options jsonb DEFAULT NULL
) RETURNS SETOF anyelement
LANGUAGE plpgsql AS $function$
DECLARE
  request CONSTANT pg_catalog.jsonb := azure_storage_private.get_request(
    account_name, container_name, path, decoder, compression, options);
  columns CONSTANT pg_catalog.jsonb := azure_storage_private.columns_of_type(pg_catalog.pg_typeof(rec));
  blob_rows pg_catalog.refcursor;
  context pg_catalog.text;
BEGIN
  SELECT azure_storage_private.get_open(c, account_name, request, columns, false) INTO blob_rows
  FROM azure_storage_private.caller AS c;
  RETURN QUERY EXECUTE pg_catalog.format('FETCH ALL FROM %I', blob_rows);
  CLOSE blob_rows;
  PERFORM azure_storage_private.close_connection(blob_rows);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  PERFORM azure_storage_private.close_connection(blob_rows, SQLSTATE);
  PERFORM azure_storage_private.explain_failure(SQLSTATE, context, account_name, request, columns);
  RAISE;
END
$function$;
