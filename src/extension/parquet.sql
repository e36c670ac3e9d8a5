-- What Parquet needs to know beyond the rows: what the types of the columns are made of, and values in one style.

-- {kind: scalar, type, precision, scale}, {kind: array, element} or {kind: composite, fields: [{name, shape}]}. A domain
-- is what it is based on; a type of somebody's own has a dot in its name, or else is an enum.
CREATE OR REPLACE FUNCTION azure_storage_private.type_shape(type_oid oid, typmod integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  type CONSTANT pg_type := (SELECT t FROM pg_type AS t WHERE t.oid = type_oid);
  scalar jsonb;
BEGIN
  IF type.typtype = 'd' THEN
    RETURN azure_storage_private.type_shape(type.typbasetype, type.typtypmod);
  ELSIF type.typtype = 'c' THEN
    RETURN (
      SELECT jsonb_build_object('kind', 'composite', 'fields', coalesce(jsonb_agg(jsonb_build_object(
          'name', attname, 'shape', azure_storage_private.type_shape(atttypid, atttypmod)) ORDER BY attnum), '[]'))
      FROM pg_attribute WHERE attrelid = type.typrelid AND attnum > 0 AND NOT attisdropped);
  ELSIF EXISTS (SELECT FROM pg_type WHERE oid = type.typelem AND typarray = type.oid) THEN
    RETURN jsonb_build_object('kind', 'array', 'element', azure_storage_private.type_shape(type.typelem, typmod));
  END IF;
  scalar := jsonb_build_object('kind', 'scalar', 'type', CASE
    WHEN type.typtype = 'e' THEN 'enum'
    WHEN type.typnamespace = 'pg_catalog'::regnamespace THEN type.typname
    ELSE format_type(type_oid, NULL) END);
  IF type_oid = 'numeric'::regtype AND typmod >= 4 THEN
    scalar := scalar || jsonb_build_object(
      'precision', (typmod - 4) >> 16 & 65535, 'scale', ((typmod - 4 & 2047) # 1024) - 1024);
  END IF;
  RETURN scalar;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.is_parquet(path text, coder text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coder = 'parquet' OR coder = 'auto' AND path LIKE '%.parquet'
$function$;

-- Adds their shapes to columns that have `oid` and `typmod`.
CREATE OR REPLACE FUNCTION azure_storage_private.with_shapes(columns jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coalesce(jsonb_agg(c || jsonb_build_object(
      'shape', azure_storage_private.type_shape((c ->> 'oid')::oid, (c ->> 'typmod')::integer)) ORDER BY n), '[]')
  FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n)
$function$;

-- Bytes of a statement's text, which are in the client's encoding.
CREATE OR REPLACE FUNCTION azure_storage_private.client_text(bytes_in_hex text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT convert_from(decode(bytes_in_hex, 'hex'), pg_client_encoding())
$function$;

-- The columns that a COPY takes, {name, shape}, in the order of its list or of the relation; in hexadecimal of UTF-8, for
-- the client's encoding need not have all of their characters. What is not there is COPY's to complain about.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_columns(relation regclass, names_in_hex text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT encode(convert_to(jsonb_agg(jsonb_build_object(
      'name', attname, 'shape', azure_storage_private.type_shape(atttypid, atttypmod)) ORDER BY place)::text, 'UTF8'), 'hex')
  FROM pg_attribute,
    LATERAL (SELECT ARRAY(SELECT azure_storage_private.client_text(name) FROM unnest(names_in_hex) AS name)) AS l (list),
    LATERAL (SELECT CASE WHEN list = '{}' THEN attnum ELSE array_position(list, attname::text) END) AS p (place)
  WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND place IS NOT NULL
    AND (list <> '{}' OR attgenerated = '')
$function$;

-- The columns of a query, without running it. As of any row without a named type, modifiers of types are not known.
CREATE OR REPLACE FUNCTION azure_storage_private.query_columns(query text) RETURNS jsonb
LANGUAGE plpgsql AS $function$
DECLARE
  columns pg_catalog.jsonb;
BEGIN
  EXECUTE pg_catalog.concat('SELECT azure_storage_private.columns_of_record(r.*) FROM (SELECT q.* ',
    'FROM (SELECT) AS one LEFT JOIN (', query, pg_catalog.chr(10), ') AS q ON false) AS r') INTO columns;
  RETURN columns;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.query_shapes(query text) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  RETURN pg_catalog.encode(pg_catalog.convert_to(
    azure_storage_private.with_shapes(azure_storage_private.query_columns(query))::pg_catalog.text, 'UTF8'), 'hex');
END
$function$;

-- The styles of values in text that do not say different things in different sessions. A SET search_path on the next two
-- would undo what they set, so they do without operators.

CREATE OR REPLACE FUNCTION azure_storage_private.has_canonical_styles() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT current_setting('DateStyle') LIKE 'ISO,%' AND current_setting('IntervalStyle') = 'postgres'
    AND current_setting('bytea_output') = 'hex' AND current_setting('extra_float_digits')::integer > 0
$function$;

-- Until restore_styles(), or the end of the transaction.
CREATE OR REPLACE FUNCTION azure_storage_private.use_canonical_styles() RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM pg_catalog.set_config('azure_storage.styles', pg_catalog.json_build_object(
      'DateStyle', pg_catalog.current_setting('DateStyle'),
      'IntervalStyle', pg_catalog.current_setting('IntervalStyle'),
      'bytea_output', pg_catalog.current_setting('bytea_output'),
      'extra_float_digits', pg_catalog.current_setting('extra_float_digits'))::pg_catalog.text, true),
    pg_catalog.set_config('DateStyle', 'ISO', true), pg_catalog.set_config('IntervalStyle', 'postgres', true),
    pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('extra_float_digits', '1', true);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.restore_styles() RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM pg_catalog.set_config(name, value, true)
  FROM pg_catalog.json_each_text(pg_catalog.current_setting('azure_storage.styles')::pg_catalog.json) AS t (name, value);
END
$function$;

-- A row in those styles, for sessions that have others. No SET search_path: a type's output can depend on it.
CREATE OR REPLACE FUNCTION azure_storage_private.canonical_text(tuple record) RETURNS text
LANGUAGE plpgsql STABLE
SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
AS $function$
BEGIN
  RETURN pg_catalog.textin(pg_catalog.record_out(tuple));
END
$function$;
