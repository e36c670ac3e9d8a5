-- A value that its type refuses: dblink lets PostgreSQL's own error through, but not where in the blob it happened.
-- So the blob is read once more, as text, until the value is found; its type then refuses it again, under a statement
-- whose text, which PostgreSQL shows as CONTEXT, names the place.

-- A query that converts columns of $1, which are rows in JSON, as COPY and dblink do: by the type's input function,
-- with its typmod. A cast is not the same: it cuts what is too long for varchar(3). json_to_record takes a string for
-- a value of json, hence the cast there.
CREATE OR REPLACE FUNCTION azure_storage_private.conversion(place text, names text[], types text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT format('SELECT /* azure_storage.blob_get: %s */ %s FROM pg_catalog.unnest($1) AS blob_row, %s',
    replace(replace(place, '*/', '* /'), '/*', '/ *'),
    string_agg(CASE WHEN is_json THEN format('CAST(%I AS %s)', name, type) ELSE quote_ident(name) END, ', '),
    format('LATERAL pg_catalog.json_to_record(blob_row) AS t (%s)',
      string_agg(format('%I %s', name, CASE WHEN is_json THEN 'text' ELSE type END), ', ')))
  FROM unnest(names, types) AS column_ (name, type),
    LATERAL (SELECT type::regtype IN ('json', 'jsonb') AS is_json) AS j
$function$;

-- Throws the error of the first row with one. No SET search_path and no operator, as in blob_get.
CREATE OR REPLACE FUNCTION azure_storage_private.check_rows(
  blob_rows refcursor, place text, names text[], types text[], titles text[]
) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
  whole_row CONSTANT pg_catalog.text := azure_storage_private.conversion(place, names, types);
  blob_row pg_catalog.record;
  batch pg_catalog.json[];
  suspect pg_catalog.json;
  line pg_catalog.text;
BEGIN
  LOOP
    batch := '{}';
    FOR i IN 1 .. 500 LOOP
      FETCH blob_rows INTO blob_row;
      EXIT WHEN NOT FOUND;
      batch := pg_catalog.array_append(batch, pg_catalog.row_to_json(blob_row));
    END LOOP;
    EXIT WHEN pg_catalog.int4eq(pg_catalog.cardinality(batch), 0);
    BEGIN
      EXECUTE whole_row USING batch;
      CONTINUE;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    FOREACH suspect IN ARRAY batch LOOP
      BEGIN
        EXECUTE whole_row USING ARRAY[suspect];
        CONTINUE;
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
      line := pg_catalog.json_extract_path_text(suspect, 'line');
      FOR i IN 1 .. pg_catalog.cardinality(names) LOOP
        EXECUTE azure_storage_private.conversion(
            pg_catalog.format('%s, line %s, column %s', place, line, titles[i]), ARRAY[names[i]], ARRAY[types[i]])
          USING ARRAY[suspect];
      END LOOP;
    END LOOP;
  END LOOP;
END
$function$;

-- Throws a better error than the one that it is told of, if it can.
CREATE OR REPLACE FUNCTION azure_storage_private.explain_failure(
  sqlstate_p text, context text, account text, request jsonb, columns jsonb
) RETURNS void
LANGUAGE plpgsql AS $function$
DECLARE
  blob_rows pg_catalog.refcursor;
  place pg_catalog.text;
  names pg_catalog.text[];
  types pg_catalog.text[];
  titles pg_catalog.text[];
BEGIN
  IF NOT azure_storage_private.is_conversion_error(sqlstate_p, context) THEN RETURN; END IF;
  BEGIN
    SELECT azure_storage_private.get_open(c, account, request, columns, true) INTO blob_rows
    FROM azure_storage_private.caller AS c;
    MOVE FORWARD 0 FROM blob_rows; -- so that it is read now
  EXCEPTION WHEN OTHERS THEN RETURN; -- it is not what it was a moment ago
  END;
  SELECT * INTO place, names, types, titles FROM azure_storage_private.converted_columns(request, columns);
  BEGIN
    PERFORM azure_storage_private.check_rows(blob_rows, place, names, types, titles);
    CLOSE blob_rows;
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM azure_storage_private.close_connection(blob_rows);
    RAISE;
  END;
  PERFORM azure_storage_private.close_connection(blob_rows);
END
$function$;

-- Whatever a proxy has said comes with dblink's context.
CREATE OR REPLACE FUNCTION azure_storage_private.is_conversion_error(sqlstate_p text, context text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT left(sqlstate_p, 2) IN ('22', '23', '42', 'P0')
    AND strpos(context, 'while executing query on dblink connection named "azure_storage_') = 0
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.converted_columns(
  request jsonb, columns jsonb, OUT place text, OUT names text[], OUT types text[], OUT titles text[]
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT concat(request ->> 'container', '/', request ->> 'path'),
    array_agg(format('c%s', n) ORDER BY n), array_agg(c ->> 'type' ORDER BY n),
    array_agg(coalesce(c ->> 'name', n::text) ORDER BY n)
  FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n)
  WHERE NOT coalesce((c -> 'generated')::boolean, false)
$function$;
