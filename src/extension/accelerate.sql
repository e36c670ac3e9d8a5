-- What a proxy asks before it runs a statement as a COPY: whether that is the same in all that the client sees. It is asked in
-- the client's session, with the client's rights, and nothing that it says opens anything. NULL: not the same, or not to be
-- told. Names in the statement are the client's to mean, so what looks at them has neither SET search_path nor an operator.

-- Of any value that is no Boolean, too, a statement is none the worse.
CREATE OR REPLACE FUNCTION azure_storage_private.accelerates() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN coalesce(nullif(current_setting('blobgres.accelerate', true), ''), 'on')::boolean;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN false;
END
$function$;

-- Whether such a name, with the schema or without, can mean none but functions of the extension, which the caller may call.
CREATE OR REPLACE FUNCTION azure_storage_private.are_own_functions(written text[], path name[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT bool_and(coalesce((
    SELECT bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') AND EXISTS (
      SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
        AND d.deptype = 'e' AND e.extname = 'azure_storage'))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.proname = regexp_replace(w, '^.*[.]', '')
      AND (CASE WHEN w LIKE '%.%' THEN n.nspname = split_part(w, '.', 1) ELSE n.nspname = ANY (path) END)
  ), false))
  FROM unnest(written) AS w
$function$;

-- Arguments of blob_put() by its own rules, NULL where one is missing.
CREATE OR REPLACE FUNCTION azure_storage_private.put_arguments(
  account text, container text, path text, encoder text DEFAULT 'auto', compression text DEFAULT 'auto',
  options jsonb DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT jsonb_build_object('account', account, 'container', container, 'path', path, 'encoder', encoder,
    'compression', compression, 'options', options)
  WHERE num_nulls(account, container, path, encoder, compression) = 0
$function$;

-- The columns of the rows `tuple` of a query, whose text is all behind FROM; without running it.
CREATE OR REPLACE FUNCTION azure_storage_private.tuple_columns(tuple text, source text) RETURNS jsonb
LANGUAGE plpgsql AS $function$
DECLARE
  row_type pg_catalog.regtype;
BEGIN
  EXECUTE pg_catalog.concat('SELECT pg_catalog.pg_typeof(q.tuple) FROM (SELECT) AS one LEFT JOIN (SELECT ', tuple,
    ' AS tuple FROM ', source, pg_catalog.chr(10), ') AS q ON false') INTO row_type;
  IF pg_catalog.oideq(row_type::pg_catalog.oid, 2249) THEN -- record
    RETURN azure_storage_private.with_shapes(azure_storage_private.query_columns(
      pg_catalog.concat('SELECT (', tuple, ').* FROM ', source)));
  END IF;
  RETURN azure_storage_private.with_shapes(azure_storage_private.columns_of_relation(row_type));
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.columns_of_relation(row_type regtype) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT azure_storage_private.columns_of_type(row_type) FROM pg_type WHERE oid = row_type AND typtype = 'c'
$function$;

-- In hexadecimal of UTF-8, as copy_columns().
CREATE OR REPLACE FUNCTION azure_storage_private.put_columns(tuple text, source text) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  RETURN pg_catalog.encode(pg_catalog.convert_to(
    azure_storage_private.tuple_columns(tuple, source)::pg_catalog.text, 'UTF8'), 'hex');
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.are_sent(columns jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_array_elements(columns) AS c JOIN pg_type AS t ON t.oid = (c ->> 'oid')::oid WHERE t.typsend = 0)
$function$;

-- SELECT written(arguments, tuple, arguments) FROM source, in which `calls` are the functions of the arguments: what COPY has to know,
-- in hexadecimal of UTF-8.
CREATE OR REPLACE FUNCTION azure_storage_private.put_plan(
  written text, calls text[], arguments text[], tuple text, source text
) RETURNS text
LANGUAGE plpgsql AS $function$
DECLARE
  request pg_catalog.jsonb;
  columns pg_catalog.jsonb;
BEGIN
  IF NOT (azure_storage_private.accelerates()
    AND azure_storage_private.are_own_functions(pg_catalog.array_append(calls, written), pg_catalog.current_schemas(true))
    AND pg_catalog.oideq(pg_catalog.to_regtype('text')::pg_catalog.oid, 25)
    AND pg_catalog.oideq(pg_catalog.to_regtype('jsonb')::pg_catalog.oid, 3802)) THEN
    RETURN NULL;
  END IF;
  EXECUTE pg_catalog.concat('SELECT azure_storage_private.put_arguments(', pg_catalog.array_to_string(arguments, ', '), ')')
    INTO request;
  PERFORM azure_storage_private.copy_access(c, pg_catalog.jsonb_extract_path_text(request, 'account'),
    pg_catalog.jsonb_extract_path_text(request, 'container'), false, pg_catalog.repeat('0', 32))
  FROM azure_storage_private.caller AS c;
  columns := azure_storage_private.tuple_columns(tuple, source);
  RETURN pg_catalog.encode(pg_catalog.convert_to(pg_catalog.jsonb_concat(request, pg_catalog.jsonb_build_object(
    'columns', columns, 'are_sent', azure_storage_private.are_sent(columns),
    'has_canonical_styles', azure_storage_private.has_canonical_styles(),
    'database_encoding', pg_catalog.getdatabaseencoding(), 'client_encoding', pg_catalog.pg_client_encoding()
  ))::pg_catalog.text, 'UTF8'), 'hex');
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END
$function$;

-- As a condition it keeps the rows in the order in which the aggregate would get them: no query with it has parallel workers.
CREATE OR REPLACE FUNCTION azure_storage_private.in_order() RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'SELECT true';
