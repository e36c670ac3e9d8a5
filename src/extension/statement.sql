-- COPY from and to blobs inside the server, where no proxy sees it: in EXECUTE, around which a proxy puts statement() when
-- it sees a function or a DO block made (sql/function-body.ts).
--
-- A proxy reads the text and gives the COPY back in parts: `plan`, a JSON text with its `proof`. What runs in its place is
-- a statement that counts as many rows. It runs as the caller, and so do all functions here but those that ask a proxy.

-- Neither SET search_path nor an operator in what follows, up to copy_text: the names in `sql` are the caller's to mean.
CREATE OR REPLACE FUNCTION azure_storage_private.statement(sql text) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  -- What looks like a COPY, and may hold a URL: an escape may stand for a part of it. A proxy knows.
  IF pg_catalog.texticregexeq(sql, pg_catalog.concat('(^|[;/]|--.*)[[:space:]]*copy[[:>:]].*(://|u&''|''[[:space:]]+''|',
      pg_catalog.chr(92), pg_catalog.chr(92), ')')) THEN
    RETURN azure_storage_private.copy_statement(sql);
  END IF;
  RETURN sql;
END
$function$;

-- Whatever else EXECUTE takes, it takes as text.
CREATE OR REPLACE FUNCTION azure_storage_private.statement(sql anyelement) RETURNS text
LANGUAGE plpgsql AS $function$
DECLARE
  written CONSTANT pg_catalog.text := sql;
BEGIN
  RETURN azure_storage_private.statement(written);
END
$function$;

-- For functions in SQL, which have no EXECUTE.
CREATE OR REPLACE FUNCTION azure_storage_private.run(sql text) RETURNS void
LANGUAGE plpgsql AS $function$
BEGIN
  EXECUTE azure_storage_private.statement(sql);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.copy_statement(sql text) RETURNS text
LANGUAGE plpgsql AS $function$
DECLARE
  part pg_catalog.jsonb;
  result pg_catalog.text := '';
BEGIN
  IF NOT azure_storage_private.setting_on('enable_copy_command') THEN
    RETURN pg_catalog.regexp_replace(sql, '[?][^''?]*sig=[^'']*', '?<redacted>', 'g'); -- PostgreSQL's refusal quotes it
  END IF;
  FOR part IN SELECT p FROM azure_storage_private.read_text(sql) AS p LOOP
    result := pg_catalog.concat(result,
      coalesce(pg_catalog.jsonb_extract_path_text(part, 'text'), azure_storage_private.copy_text(part)));
  END LOOP;
  RETURN result;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.read_text(sql text) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection text;
  request text;
BEGIN
  SELECT * INTO connection, request FROM azure_storage_private.connect_for('READ', jsonb_build_object(
    'text', sql, 'standard_conforming_strings', current_setting('standard_conforming_strings')));
  RETURN QUERY SELECT t.part FROM azure_storage_private.dblink(connection, request) AS t (part jsonb);
  PERFORM azure_storage_private.disconnect(connection);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.disconnect(connection);
  RAISE;
END
$function$;

-- What runs in the place of a COPY. In a text of several statements the relation may not be there yet.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_text(part jsonb) RETURNS text
LANGUAGE plpgsql AS $function$
DECLARE
  plan CONSTANT pg_catalog.jsonb := pg_catalog.jsonb_extract_path_text(part, 'plan');
  written CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(plan, 'relation');
  relation CONSTANT pg_catalog.oid := pg_catalog.to_regclass(written);
  extra CONSTANT pg_catalog.jsonb := pg_catalog.jsonb_extract_path_text(plan, 'extra');
BEGIN
  PERFORM azure_storage_private.require_extras(pg_catalog.jsonb_extract_path_text(extra, 'message'),
    pg_catalog.jsonb_extract_path_text(extra, 'code'), pg_catalog.jsonb_extract_path_text(extra, 'hint'))
  WHERE extra IS NOT NULL;
  PERFORM azure_storage_private.copy_access(c, pg_catalog.jsonb_extract_path_text(plan, 'account'),
      pg_catalog.jsonb_extract_path_text(plan, 'container'),
      pg_catalog.jsonb_extract_path_text(part, 'sas') IS NOT NULL, pg_catalog.repeat('0', 32))
  FROM azure_storage_private.caller AS c;
  IF written IS NULL THEN
    RETURN azure_storage_private.query_export_text(part, plan);
  ELSIF relation IS NULL THEN
    RETURN pg_catalog.concat('LOCK TABLE ', written, ' IN ACCESS SHARE MODE'); -- PostgreSQL's own words for what is not there
  ELSIF pg_catalog.jsonb_extract_path_text(plan, 'extraOptions', 'matchByName') IS NOT NULL THEN
    part := azure_storage_private.matched_part(part, plan);
  END IF;
  RETURN azure_storage_private.checked_import(azure_storage_private.copy_text_of(relation, part, plan),
    pg_catalog.jsonb_extract_path_text(plan, 'where') IS NOT NULL);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.blob_names(
  caller azure_storage_private.caller, account text, request jsonb
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  access CONSTANT jsonb := azure_storage_private.access(
    caller, account, request ->> 'container', request #>> '{copy,sas}' IS NOT NULL);
  connection text;
  sent_request text;
  names jsonb;
BEGIN
  SELECT * INTO connection, sent_request FROM azure_storage_private.connect_for('NAMES', request || jsonb_build_object(
    'access', access, 'account', account, 'columns', '[]'::jsonb));
  SELECT coalesce(jsonb_agg(t.name), '[]') INTO names FROM azure_storage_private.dblink(connection, sent_request) AS t (name text);
  PERFORM azure_storage_private.disconnect(connection);
  RETURN names;
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.disconnect(connection);
  RAISE;
END
$function$;

-- Its column list is then the blob's columns.
CREATE OR REPLACE FUNCTION azure_storage_private.matched_part(part jsonb, plan jsonb) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
  SELECT part || jsonb_build_object('matched', azure_storage_private.blob_names(c, plan ->> 'account', jsonb_build_object(
    'container', plan -> 'container', 'path', plan -> 'path', 'decoder', plan -> 'format', 'compression', plan -> 'compression',
    'copy', part || jsonb_build_object('client_encoding', pg_client_encoding(), 'relation_columns', '[]'::jsonb))))
  FROM azure_storage_private.caller AS c
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.copy_text_of(relation oid, part jsonb, plan jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  class CONSTANT pg_class := (SELECT c FROM pg_class AS c WHERE oid = relation);
  columns CONSTANT jsonb := azure_storage_private.copy_columns_of(relation, coalesce(part -> 'matched', plan -> 'columns'));
  request jsonb := jsonb_build_object(
    'account', plan -> 'account', 'container', plan -> 'container', 'path', plan -> 'path',
    'decoder', plan -> 'format', 'encoder', plan -> 'format', 'compression', plan -> 'compression', 'columns', columns,
    'relation', relation::bigint,
    'copy', part || jsonb_build_object(
      'client_encoding', pg_client_encoding(), 'relation_name', class.relname, 'default_mark', gen_random_uuid(),
      'relation_columns', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', attname, 'generated', attgenerated <> '',
          'has_default', atthasdef OR attidentity <> '' OR typdefault IS NOT NULL) ORDER BY attnum), '[]')
        FROM pg_attribute JOIN pg_type AS t ON t.oid = atttypid WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped)));
BEGIN
  IF plan ->> 'direction' = 'from' THEN
    IF plan ->> 'format' = 'jsonl' THEN
      request := jsonb_set(request, '{copy,json_columns}', azure_storage_private.with_shapes(columns));
    END IF;
    PERFORM azure_storage_private.check_copy_from(class, relation);
    RETURN azure_storage_private.import_text(relation, class.relname, request, plan);
  END IF;
  RETURN azure_storage_private.export_text(relation, class, request);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.query_export_text(part jsonb, plan jsonb) RETURNS text
LANGUAGE plpgsql AS $function$
DECLARE
  query CONSTANT pg_catalog.text := pg_catalog.jsonb_extract_path_text(plan, 'query', 'text');
BEGIN
  IF NOT pg_catalog.jsonb_extract_path_text(plan, 'query', 'isSelect')::pg_catalog.bool THEN
    RAISE EXCEPTION 'azure_storage: COPY inside a function can take its rows from a SELECT alone'
      USING ERRCODE = 'feature_not_supported';
  END IF;
  RETURN azure_storage_private.counted_export(azure_storage_private.query_request(
    part, plan, azure_storage_private.query_columns(query)), query);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.query_request(part jsonb, plan jsonb, columns jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT jsonb_build_object(
    'account', plan -> 'account', 'container', plan -> 'container', 'path', plan -> 'path',
    'encoder', plan -> 'format', 'compression', plan -> 'compression', 'columns', columns,
    'copy', part || jsonb_build_object('client_encoding', pg_client_encoding(), 'relation_columns', '[]'::jsonb))
$function$;

-- The request of the COPY that is executed next: its place in the statement that runs would be in every CONTEXT.
CREATE OR REPLACE FUNCTION azure_storage_private.keep_request(request jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  key CONSTANT text := left(gen_random_uuid()::text, 8);
BEGIN
  PERFORM set_config('azure_storage.copy', (request || jsonb_build_object('key', key))::text, true);
  RETURN key;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.kept_request(key text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  request CONSTANT jsonb := nullif(current_setting('azure_storage.copy', true), '');
BEGIN
  IF (request ->> 'key' = key) IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: what statement() returns must be executed at once'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN request;
END
$function$;

-- Good under any search_path, that of a temporary table too.
CREATE OR REPLACE FUNCTION azure_storage_private.qualified_name(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT format('%I.%I', nspname, relname) FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = relnamespace
  WHERE r.oid = relation
$function$;

-- {type, name, oid, typmod} of those that are copied.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_columns_of(relation oid, names jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  name text;
  found_column pg_attribute;
BEGIN
  FOR name IN SELECT jsonb_array_elements_text(names) LOOP
    SELECT * INTO found_column FROM pg_attribute
    WHERE attrelid = relation AND attname = name AND attnum > 0 AND NOT attisdropped;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'column "%" of relation "%" does not exist', name,
        (SELECT relname FROM pg_class WHERE oid = relation) USING ERRCODE = 'undefined_column';
    ELSIF found_column.attgenerated <> '' THEN
      RAISE EXCEPTION 'column "%" is a generated column', name
        USING ERRCODE = 'invalid_column_reference', DETAIL = 'Generated columns cannot be used in COPY.';
    END IF;
  END LOOP;
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
        'oid', atttypid::bigint, 'typmod', atttypmod) ORDER BY coalesce(place, attnum)), '[]')
    FROM pg_attribute LEFT JOIN jsonb_array_elements_text(names) WITH ORDINALITY AS n (name, place) ON n.name = attname
    WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
      AND (place IS NOT NULL OR names = '[]' AND attgenerated = ''));
END
$function$;

-- What an INSERT would do that COPY FROM does not.
CREATE OR REPLACE FUNCTION azure_storage_private.check_copy_from(class pg_class, relation oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  kind CONSTANT text := CASE class.relkind WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
    ELSE 'non-table relation' END;
BEGIN
  IF current_setting('transaction_read_only')::boolean AND class.relpersistence <> 't' THEN
    RAISE EXCEPTION 'cannot execute COPY FROM in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction';
  ELSIF class.relkind = 'v' AND EXISTS (
      SELECT FROM pg_trigger WHERE tgrelid = relation AND tgtype & 64 <> 0 AND tgtype & 4 <> 0) THEN
    RETURN;
  ELSIF class.relkind = 'v' THEN
    RAISE EXCEPTION 'cannot copy to view "%"', class.relname USING ERRCODE = 'wrong_object_type',
      HINT = 'To enable copying to a view, provide an INSTEAD OF INSERT trigger.';
  ELSIF class.relkind NOT IN ('r', 'p', 'f') THEN
    RAISE EXCEPTION 'cannot copy to % "%"', kind, class.relname USING ERRCODE = 'wrong_object_type';
  ELSIF EXISTS (SELECT FROM pg_rewrite WHERE ev_class = relation AND ev_type = '3' AND ev_enabled <> 'D') THEN
    RAISE EXCEPTION 'azure_storage: COPY inside a function cannot fill a table with rules for INSERT'
      USING ERRCODE = 'feature_not_supported', DETAIL = format('COPY would not follow the rules of "%s".', class.relname);
  END IF;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.check_condition(relation oid, condition jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  generated CONSTANT name := (SELECT min(attname) FROM pg_attribute
    WHERE attrelid = relation AND attgenerated <> '' AND condition -> 'names' ? attname);
BEGIN
  IF (condition -> 'hasSubquery')::boolean THEN
    RAISE EXCEPTION 'cannot use subquery in COPY FROM WHERE condition' USING ERRCODE = 'feature_not_supported';
  ELSIF generated IS NOT NULL THEN
    RAISE EXCEPTION 'generated columns are not supported in COPY FROM WHERE conditions'
      USING ERRCODE = 'invalid_column_reference', DETAIL = format('Column "%s" is a generated column.', generated);
  END IF;
END
$function$;

-- Has PostgreSQL look at the statement, and tells what it says of WHERE in the words of COPY. For the caller, who runs it.
CREATE OR REPLACE FUNCTION azure_storage_private.checked_import(sql text, has_condition boolean) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  IF has_condition THEN
    EXECUTE pg_catalog.concat('EXPLAIN ', sql);
  END IF;
  RETURN sql;
EXCEPTION WHEN grouping_error OR windowing_error OR feature_not_supported THEN
  RAISE EXCEPTION '%', pg_catalog.replace(SQLERRM, 'in WHERE', 'in COPY FROM WHERE conditions') USING ERRCODE = SQLSTATE;
END
$function$;

-- An INSERT: the rows of the blob in the relation's types, as their input functions make them. With WHERE, what is not in
-- the column list is there too, by its default. Values that may be no such values, or stand for a default, come as text.
CREATE OR REPLACE FUNCTION azure_storage_private.import_text(relation oid, name name, request jsonb, plan jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  given CONSTANT jsonb := plan -> 'given';
  skips CONSTANT boolean := lower(coalesce(given ->> 'on_error', 'stop')) <> 'stop';
  as_text CONSTANT boolean := given ? 'default' OR skips;
  mark CONSTANT text := quote_literal(request -> 'copy' ->> 'default_mark');
  targets text;
  selected text;
  definitions text;
BEGIN
  PERFORM azure_storage_private.check_condition(relation, plan -> 'condition');
  SELECT string_agg(quote_ident(c ->> 'name'), ', ' ORDER BY n),
    string_agg(CASE WHEN as_text THEN format('CASE WHEN c%s OPERATOR(pg_catalog.=) %s THEN %s ELSE CAST(c%s AS %s) END',
      n, mark, azure_storage_private.default_of(relation, c ->> 'name'), n, format_type((c ->> 'oid')::oid, -1))
      ELSE 'c' || n END || ' AS ' || quote_ident(c ->> 'name'), ', ' ORDER BY n),
    string_agg(format('c%s %s', n, CASE WHEN as_text THEN 'pg_catalog.text' ELSE c ->> 'type' END), ', ' ORDER BY n)
  INTO targets, selected, definitions
  FROM jsonb_array_elements(request -> 'columns') WITH ORDINALITY AS column_ (c, n);
  IF skips AND targets IS NOT NULL THEN
    request := request || jsonb_build_object('skip', azure_storage_private.skip_request(request, plan));
  END IF;
  IF plan ->> 'where' IS NOT NULL THEN
    SELECT targets || coalesce(string_agg(', ' || quote_ident(attname), '' ORDER BY attnum), ''),
      selected || coalesce(string_agg(format(', CAST(%s AS %s) AS %I',
        azure_storage_private.default_of(relation, attname), format_type(atttypid, atttypmod), attname), '' ORDER BY attnum), '')
    INTO targets, selected
    FROM pg_attribute
    WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND NOT EXISTS (SELECT FROM jsonb_array_elements(request -> 'columns') AS c WHERE c ->> 'name' = attname);
  END IF;
  IF as_text THEN
    request := jsonb_set(request, '{columns}', (
      SELECT jsonb_agg(c || '{"type": "pg_catalog.text"}' ORDER BY n)
      FROM jsonb_array_elements(request -> 'columns') WITH ORDINALITY AS column_ (c, n)));
  END IF;
  IF targets IS NULL THEN -- rows of nothing
    request := jsonb_set(request, '{columns}', '[{"type": "text", "oid": 25, "typmod": -1}]');
    definitions := 'c1 pg_catalog.text';
  END IF;
  -- OFFSET 0: each is computed before the next is looked at.
  RETURN format('INSERT INTO %s%s OVERRIDING SYSTEM VALUE SELECT * FROM (SELECT %s '
      'FROM azure_storage_private.%s(%L) AS blob (%s) OFFSET 0) AS %I %s',
    azure_storage_private.qualified_name(relation), ' (' || targets || ')', selected,
    CASE WHEN request ? 'skip' THEN 'copy_valid_rows' ELSE 'copy_rows' END, azure_storage_private.keep_request(request), definitions,
    name, plan ->> 'where');
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.default_of(relation oid, name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT CASE WHEN attidentity <> '' THEN format('pg_catalog.nextval(%L)', pg_get_serial_sequence(relation::regclass::text, attname))
    ELSE coalesce(pg_get_expr(adbin, adrelid), pg_get_expr(typdefaultbin, 0), 'NULL') END
  FROM pg_attribute JOIN pg_type AS t ON t.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attrelid = relation AND attname = name
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.copy_rows(key text) RETURNS SETOF record
LANGUAGE plpgsql AS $function$
DECLARE
  request CONSTANT pg_catalog.jsonb := azure_storage_private.kept_request(key);
  rows pg_catalog.int8;
  blob_rows pg_catalog.refcursor;
BEGIN
  IF pg_catalog.row_security_active(pg_catalog.jsonb_extract_path_text(request, 'relation')::pg_catalog.oid) THEN
    RAISE EXCEPTION 'COPY FROM not supported with row-level security'
      USING ERRCODE = 'feature_not_supported', HINT = 'Use INSERT statements instead.';
  END IF;
  SELECT azure_storage_private.get_open(c, pg_catalog.jsonb_extract_path_text(request, 'account'), request,
    pg_catalog.jsonb_extract_path(request, 'columns'), false) INTO blob_rows FROM azure_storage_private.caller AS c;
  RETURN QUERY EXECUTE pg_catalog.format('FETCH ALL FROM %I', blob_rows);
  GET DIAGNOSTICS rows = ROW_COUNT;
  PERFORM pg_catalog.set_config('azure_storage.copied', rows::pg_catalog.text, true);
  CLOSE blob_rows;
  PERFORM azure_storage_private.close_connection(blob_rows);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.close_connection(blob_rows, SQLSTATE);
  RAISE;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.export_text(relation oid, class pg_class, request jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  list text := (SELECT string_agg(quote_ident(c ->> 'name'), ', ' ORDER BY n)
    FROM jsonb_array_elements(request -> 'columns') WITH ORDINALITY AS column_ (c, n));
BEGIN
  IF class.relkind NOT IN ('r', 'p', 'f', 'v', 'm') THEN
    RAISE EXCEPTION 'cannot copy from % "%"',
      CASE class.relkind WHEN 'S' THEN 'sequence' ELSE 'non-table relation' END, class.relname USING ERRCODE = 'wrong_object_type';
  END IF;
  RETURN azure_storage_private.counted_export(request, format('SELECT %s FROM %s%s', list,
    CASE WHEN class.relkind = 'r' THEN 'ONLY ' ELSE '' END,
    azure_storage_private.qualified_name(relation)));
END
$function$;

-- An INSERT of as many rows as copy_to() has written, into a view that is nothing: no other statement counts rows without
-- keeping them. Where nothing may be inserted, a SELECT whose rows EXECUTE keeps until it ends.
CREATE OR REPLACE FUNCTION azure_storage_private.counted_export(request jsonb, source text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF request ->> 'encoder' = 'jsonl' THEN
    source := format('SELECT pg_catalog.row_to_json(r.*)::pg_catalog.text FROM (%s) AS r', source || chr(10));
    request := request || '{"columns": [{"name": "row", "type": "text", "oid": 25, "typmod": -1}]}';
  END IF;
  request := request || jsonb_build_object('source', source || chr(10));
  IF request ->> 'encoder' = 'parquet' THEN
    request := jsonb_set(request, '{columns}', azure_storage_private.with_shapes(request -> 'columns'));
  END IF;
  RETURN format(CASE WHEN current_setting('transaction_read_only')::boolean THEN '' ELSE 'INSERT INTO azure_storage_private.copied_rows ' END
    || 'SELECT n FROM pg_catalog.generate_series(1, azure_storage_private.copy_to(%L)) AS n',
    azure_storage_private.keep_request(request));
END
$function$;

CREATE OR REPLACE VIEW azure_storage_private.copied_rows AS SELECT NULL::bigint AS n WHERE false;
GRANT INSERT ON azure_storage_private.copied_rows TO PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.count_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN new;
END
$function$;
CREATE OR REPLACE TRIGGER count_row INSTEAD OF INSERT ON azure_storage_private.copied_rows
FOR EACH ROW EXECUTE FUNCTION azure_storage_private.count_row();

-- The name of the upload is its password: see put_send.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_commit(state text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
  SELECT azure_storage_private.put_commit(state)
$function$;

-- Writes the rows of request's `source`, also where there are none, and counts them. See put_row.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_to(key text) RETURNS bigint
LANGUAGE plpgsql AS $function$
DECLARE
  request CONSTANT pg_catalog.jsonb := azure_storage_private.kept_request(key);
  state pg_catalog.text;
  new_row pg_catalog.text;
  -- Rows that are not in the state yet: that is longer, and copied whenever something comes to it.
  rows pg_catalog.text := '';
  written pg_catalog.int8 := 0;
BEGIN
  SELECT azure_storage_private.put_open(c, pg_catalog.jsonb_extract_path_text(request, 'account'), request) INTO state
  FROM azure_storage_private.caller AS c;
  -- With its star it is the row, whatever the names of its columns.
  FOR new_row IN EXECUTE pg_catalog.format('SELECT %s FROM (%s) AS r', CASE
    WHEN pg_catalog.starts_with(state, 'DATA b')
      THEN $$pg_catalog.textcat(pg_catalog.encode(pg_catalog.record_send(r.*), 'hex'), pg_catalog.chr(10))$$
    WHEN pg_catalog.texteq(pg_catalog.jsonb_extract_path_text(request, 'encoder'), 'parquet')
      AND NOT azure_storage_private.has_canonical_styles() THEN 'azure_storage_private.canonical_text(r.*)'
    ELSE 'pg_catalog.textin(pg_catalog.record_out(r.*))' END, pg_catalog.jsonb_extract_path_text(request, 'source'))
  LOOP
    written := pg_catalog.int8inc(written);
    rows := pg_catalog.textcat(rows, new_row);
    CONTINUE WHEN pg_catalog.int4lt(pg_catalog.octet_length(rows), 2048);
    state := pg_catalog.textcat(state, rows);
    rows := '';
    IF pg_catalog.int4ge(pg_catalog.octet_length(state), 16384) THEN
      state := azure_storage_private.put_send(state);
    END IF;
  END LOOP;
  PERFORM azure_storage_private.copy_commit(pg_catalog.textcat(state, rows));
  RETURN written;
END
$function$;
