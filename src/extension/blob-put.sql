-- The state of the aggregate is the message that is to be sent: a line as below, and the rows that are not sent yet.
--   DATA <mode> <upload> <connection>
--   mode        1: t, rows are record literals one behind the other; c, the same for Parquet in a session whose styles
--               are not the canonical ones; b, rows are the hexadecimal of record_send, each with a newline; 0 to Y, the
--               same with texts in another encoding than the client's, whose number is that of the character behind 0;
--               told apart by text_pattern_ge(), which compares bytes and takes less time than starts_with()
--   upload     12: the proxy's name of it
--   connection 16: see connection_mark
-- It stays short, because PostgreSQL copies it for each row; and not shorter, because sending takes a round trip.

-- Takes the answer to the rows that were sent last over a connection, if there were any: then it is free. Not to fail is for
-- what another upload has sent, which may be over; if it is not, it is told again.
CREATE OR REPLACE FUNCTION azure_storage_private.put_free(connection text, fail boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $function$
BEGIN
  -- libpq wants to be told that this is all.
  PERFORM FROM azure_storage_private.dblink_get_result(connection, fail) AS t (tag text)
  UNION ALL SELECT FROM azure_storage_private.dblink_get_result(connection, fail) AS t (tag text);
  RETURN connection;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.put_free FROM PUBLIC;

-- All groups of a statement share a connection.
CREATE OR REPLACE FUNCTION azure_storage_private.put_open(
  caller azure_storage_private.caller, account text, request jsonb
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  access CONSTANT jsonb := azure_storage_private.access(
    caller, account, request ->> 'container', request #>> '{copy,sas}' IS NOT NULL);
  mark CONSTANT text := azure_storage_private.connection_mark();
  connection CONSTANT text := 'azure_storage_' || mark;
  nonces text[];
BEGIN
  IF connection = ANY (azure_storage_private.dblink_get_connections()) THEN
    -- A proxy that has proved itself already.
    nonces := azure_storage_private.greet(azure_storage_private.put_free(connection, false), NULL);
  ELSE
    nonces := azure_storage_private.connect(connection);
  END IF;
  RETURN (
    SELECT format('DATA %s %s %s%s', mode, upload, mark, chr(10))
    FROM azure_storage_private.dblink(connection, azure_storage_private.proved_request(
        nonces, 'OPEN', request || jsonb_build_object('access', access, 'account', account)))
      AS t (upload text, mode text));
END
$function$;

-- The connection of a state: it must not be a connection string. What may be said over it beside requests, which have a
-- proof, is DATA and COMMIT; the name of the upload is its password.
CREATE OR REPLACE FUNCTION azure_storage_private.put_connection(state text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection CONSTANT text := 'azure_storage_' || substr(split_part(state, chr(10), 1), 21, 16);
BEGIN
  IF (starts_with(state, 'DATA ') AND connection = ANY (azure_storage_private.dblink_get_connections())) IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: the upload is over' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN connection;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.put_connection FROM PUBLIC;

-- Sends the rows and does not wait: the answer, which may be an error, is taken before anything else is sent. What is left
-- of the state is its line.
CREATE OR REPLACE FUNCTION azure_storage_private.put_send(state text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection CONSTANT text := azure_storage_private.put_free(azure_storage_private.put_connection(state), true);
BEGIN
  IF azure_storage_private.dblink_send_query(connection, state) = 0 THEN
    RAISE EXCEPTION 'azure_storage: %', azure_storage_private.dblink_error_message(connection)
      USING ERRCODE = 'connection_failure';
  END IF;
  RETURN split_part(state, chr(10), 1) || chr(10);
END
$function$;

-- The rows that are left, and the end of the upload; the tag says how many there still are.
CREATE OR REPLACE FUNCTION azure_storage_private.put_commit(state text) RETURNS void
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection CONSTANT text := azure_storage_private.put_free(azure_storage_private.put_connection(state), true);
BEGIN
  IF azure_storage_private.dblink_exec(connection, overlay(state PLACING 'COMMIT' FROM 1 FOR 4)) = 'OPEN 0' THEN
    PERFORM azure_storage_private.dblink_disconnect(connection);
  END IF;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.put_commit FROM PUBLIC;

-- The binary form of a row has its texts in the client's encoding. Only within the function is that another one.
CREATE OR REPLACE FUNCTION azure_storage_private.sent_in(encoding text, tuple record) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET client_encoding = SQL_ASCII AS $function$
BEGIN
  PERFORM set_config('client_encoding', encoding, true);
  RETURN record_send(tuple);
END
$function$;

-- The mode for rows in binary form, b, or that of the encoding that is asked for.
CREATE OR REPLACE FUNCTION azure_storage_private.binary_mode(encoding text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT CASE WHEN number = pg_char_to_encoding(pg_client_encoding()) THEN 'b' ELSE chr(ascii('0') + number) END
  FROM pg_char_to_encoding(coalesce(encoding, pg_client_encoding())) AS number
$function$;

-- The columns of a row that has no named type: their names, and the types' oids out of the binary form
-- (record_send: int4 number of columns; of each oid, int4 length or -1, value).
CREATE OR REPLACE FUNCTION azure_storage_private.columns_of_record(tuple record) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  names text[] := ARRAY(SELECT json_object_keys(row_to_json(tuple)));
  columns jsonb := '[]';
  sent bytea;
  oid bigint := 25;
  length bigint;
  at integer := 5;
BEGIN
  BEGIN
    sent := azure_storage_private.sent_in('SQL_ASCII', tuple);
  EXCEPTION WHEN undefined_function THEN NULL; -- a type without binary form, as aclitem: then all are as text
  END;
  FOR i IN 1 .. cardinality(names) LOOP
    IF sent IS NOT NULL THEN
      oid := ('x' || encode(substr(sent, at, 4), 'hex'))::bit(32)::bigint;
      length := ('x' || encode(substr(sent, at + 4, 4), 'hex'))::bit(32)::bigint;
      at := at + 8 + CASE WHEN length > 2147483647 THEN 0 ELSE length END;
    END IF;
    columns := columns || jsonb_build_object('name', names[i], 'oid', oid, 'typmod', -1);
  END LOOP;
  RETURN columns;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.row_of_nulls(columns jsonb, mode text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT CASE WHEN mode IN ('t', 'c') THEN format('(%s)', repeat(',', jsonb_array_length(columns) - 1))
    ELSE lpad(to_hex(jsonb_array_length(columns)), 8, '0')
      || coalesce(string_agg(lpad(to_hex((c ->> 'oid')::bigint), 8, '0') || 'ffffffff', '' ORDER BY n), '') || chr(10) END
  FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n)
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.columns_of_tuple(tuple anyelement) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF pg_typeof(tuple) <> 'record'::regtype THEN
    RETURN azure_storage_private.columns_of_type(pg_typeof(tuple));
  END IF;
  PERFORM azure_storage_private.check_argument('tuple', num_nulls(tuple) = 1);
  RETURN azure_storage_private.columns_of_record(tuple);
END
$function$;

-- The state before the first row of a group.
CREATE OR REPLACE FUNCTION azure_storage_private.put_begin(
  account_name text, container_name text, path text, tuple anyelement, encoder text, compression text, options jsonb
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  parquet CONSTANT boolean := azure_storage_private.is_parquet(path, encoder);
  columns jsonb;
  state text;
BEGIN
  PERFORM azure_storage_private.check_argument(name, missing)
  FROM (VALUES ('account_name', account_name IS NULL), ('container_name', container_name IS NULL),
    ('path', path IS NULL), ('encoder', encoder IS NULL), ('compression', compression IS NULL)) AS t (name, missing);
  columns := azure_storage_private.columns_of_tuple(tuple);
  IF parquet THEN
    columns := azure_storage_private.with_shapes(columns);
  END IF;
  state := azure_storage_private.put_open(c, account_name,
      jsonb_build_object('container', container_name, 'path', path, 'encoder', encoder, 'compression', compression,
        'options', options, 'columns', columns))
    FROM azure_storage_private.caller AS c;
  IF parquet AND NOT azure_storage_private.has_canonical_styles() THEN
    state := overlay(state PLACING 'c' FROM 6 FOR 1);
  ELSIF starts_with(state, 'DATA b') THEN
    state := overlay(state PLACING azure_storage_private.binary_mode(options ->> 'content_encoding') FROM 6 FOR 1);
  END IF;
  RETURN state;
END
$function$;

-- The first row of a group, the row before which the state has to be sent, and a NULL record, which is a row of NULLs. No SET
-- search_path: a type's output can depend on it.
CREATE OR REPLACE FUNCTION azure_storage_private.put_row_slowly(
  state text, account_name text, container_name text, path text, tuple anyelement, encoder text, compression text,
  options jsonb
) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
  IF state IS NULL THEN
    state := azure_storage_private.put_begin(
      account_name, container_name, path, tuple, encoder, compression, options);
  ELSIF pg_catalog.int4ge(pg_catalog.octet_length(state), 16384) THEN
    state := azure_storage_private.put_send(state);
  END IF;
  state := pg_catalog.textcat(state, CASE
    WHEN pg_catalog.int4eq(pg_catalog.num_nulls(tuple), 1)
      THEN azure_storage_private.row_of_nulls(
        azure_storage_private.columns_of_tuple(tuple), pg_catalog.substr(state, 6, 1))
    WHEN pg_catalog.text_pattern_ge(state, 'DATA t') THEN pg_catalog.textin(pg_catalog.record_out(tuple))
    WHEN pg_catalog.text_pattern_ge(state, 'DATA c') THEN azure_storage_private.canonical_text(tuple)
    WHEN pg_catalog.text_pattern_ge(state, 'DATA b')
      THEN pg_catalog.textcat(pg_catalog.encode(pg_catalog.record_send(tuple), 'hex'), pg_catalog.chr(10))
    ELSE pg_catalog.textcat(pg_catalog.encode(azure_storage_private.sent_in(pg_catalog.pg_encoding_to_char(
      pg_catalog.int4mi(pg_catalog.ascii(pg_catalog.substr(state, 6, 1)), 48)), tuple), 'hex'), pg_catalog.chr(10))
    END);
  -- A message ends with its first large row: the proxy has memory for one.
  IF pg_catalog.int4ge(pg_catalog.octet_length(state), 16384) THEN
    state := azure_storage_private.put_send(state);
  END IF;
  RETURN state;
END
$function$;

-- The four differ in what stands for the arguments that they do not have. anyelement, because a record that is NULL
-- still has a type then. The transition functions do without operators, for these depend on the search_path, and
-- without a setting of search_path, for that takes time; each is whole, for a call takes time too, and one expression.
-- STABLE, they need no snapshot for each row.

CREATE OR REPLACE FUNCTION azure_storage_private.put_row(
  state text, account_name text, container_name text, path text, tuple anyelement
) RETURNS text
LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN coalesce(CASE WHEN pg_catalog.int4lt(pg_catalog.octet_length(state), 16384) THEN
      CASE WHEN pg_catalog.text_pattern_ge(state, 'DATA t')
        THEN pg_catalog.textcat(state, pg_catalog.textin(pg_catalog.record_out(tuple)))
      WHEN pg_catalog.text_pattern_ge(state, 'DATA b') AND pg_catalog.text_pattern_lt(state, 'DATA c')
        THEN pg_catalog.textcat(state, pg_catalog.textcat(
          pg_catalog.encode(pg_catalog.record_send(tuple), 'hex'), pg_catalog.chr(10)))
      END
    END,
    azure_storage_private.put_row_slowly(state, account_name, container_name, path, tuple, 'auto', 'auto', NULL));
END
$function$;

CREATE OR REPLACE AGGREGATE azure_storage.blob_put(
  account_name text, container_name text, path text, tuple record
) (
  SFUNC = azure_storage_private.put_row, STYPE = text,
  FINALFUNC = azure_storage_private.put_commit, FINALFUNC_MODIFY = READ_WRITE
);

CREATE OR REPLACE FUNCTION azure_storage_private.put_row(
  state text, account_name text, container_name text, path text, tuple anyelement, encoder text
) RETURNS text
LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN coalesce(CASE WHEN pg_catalog.int4lt(pg_catalog.octet_length(state), 16384) THEN
      CASE WHEN pg_catalog.text_pattern_ge(state, 'DATA t')
        THEN pg_catalog.textcat(state, pg_catalog.textin(pg_catalog.record_out(tuple)))
      WHEN pg_catalog.text_pattern_ge(state, 'DATA b') AND pg_catalog.text_pattern_lt(state, 'DATA c')
        THEN pg_catalog.textcat(state, pg_catalog.textcat(
          pg_catalog.encode(pg_catalog.record_send(tuple), 'hex'), pg_catalog.chr(10)))
      END
    END,
    azure_storage_private.put_row_slowly(state, account_name, container_name, path, tuple, encoder, 'auto', NULL));
END
$function$;

CREATE OR REPLACE AGGREGATE azure_storage.blob_put(
  account_name text, container_name text, path text, tuple record, encoder text
) (
  SFUNC = azure_storage_private.put_row, STYPE = text,
  FINALFUNC = azure_storage_private.put_commit, FINALFUNC_MODIFY = READ_WRITE
);

CREATE OR REPLACE FUNCTION azure_storage_private.put_row(
  state text, account_name text, container_name text, path text, tuple anyelement, encoder text, compression text
) RETURNS text
LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN coalesce(CASE WHEN pg_catalog.int4lt(pg_catalog.octet_length(state), 16384) THEN
      CASE WHEN pg_catalog.text_pattern_ge(state, 'DATA t')
        THEN pg_catalog.textcat(state, pg_catalog.textin(pg_catalog.record_out(tuple)))
      WHEN pg_catalog.text_pattern_ge(state, 'DATA b') AND pg_catalog.text_pattern_lt(state, 'DATA c')
        THEN pg_catalog.textcat(state, pg_catalog.textcat(
          pg_catalog.encode(pg_catalog.record_send(tuple), 'hex'), pg_catalog.chr(10)))
      END
    END,
    azure_storage_private.put_row_slowly(state, account_name, container_name, path, tuple, encoder, compression, NULL));
END
$function$;

CREATE OR REPLACE AGGREGATE azure_storage.blob_put(
  account_name text, container_name text, path text, tuple record, encoder text, compression text
) (
  SFUNC = azure_storage_private.put_row, STYPE = text,
  FINALFUNC = azure_storage_private.put_commit, FINALFUNC_MODIFY = READ_WRITE
);

CREATE OR REPLACE FUNCTION azure_storage_private.put_row(
  state text, account_name text, container_name text, path text, tuple anyelement, encoder text, compression text, options jsonb
) RETURNS text
LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN coalesce(CASE WHEN pg_catalog.int4lt(pg_catalog.octet_length(state), 16384) THEN
      CASE WHEN pg_catalog.text_pattern_ge(state, 'DATA t')
        THEN pg_catalog.textcat(state, pg_catalog.textin(pg_catalog.record_out(tuple)))
      WHEN pg_catalog.text_pattern_ge(state, 'DATA b') AND pg_catalog.text_pattern_lt(state, 'DATA c')
        THEN pg_catalog.textcat(state, pg_catalog.textcat(
          pg_catalog.encode(pg_catalog.record_send(tuple), 'hex'), pg_catalog.chr(10)))
      END
    END,
    azure_storage_private.put_row_slowly(state, account_name, container_name, path, tuple, encoder, compression, options));
END
$function$;

CREATE OR REPLACE AGGREGATE azure_storage.blob_put(
  account_name text, container_name text, path text, tuple record, encoder text, compression text, options jsonb
) (
  SFUNC = azure_storage_private.put_row, STYPE = text,
  FINALFUNC = azure_storage_private.put_commit, FINALFUNC_MODIFY = READ_WRITE
);

REVOKE ALL ON FUNCTION
  azure_storage_private.put_row(text, text, text, text, anyelement),
  azure_storage_private.put_row(text, text, text, text, anyelement, text),
  azure_storage_private.put_row(text, text, text, text, anyelement, text, text),
  azure_storage_private.put_row(text, text, text, text, anyelement, text, text, jsonb)
FROM PUBLIC;
