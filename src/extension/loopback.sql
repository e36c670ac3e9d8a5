-- What the database cannot do itself, it asks of a proxy, over a connection that dblink's C functions make.
--
-- Each request has two halves. The first runs with the rights of the caller, and shows who that is (`caller`); the second
-- is SECURITY DEFINER, trusts nothing else of what it is given, and knows how to reach a proxy.

-- Bound here for ourselves, so that it takes no CREATE EXTENSION dblink. Every stock package has the library.
DO $bind$
DECLARE
  binding text[];
BEGIN
  FOREACH binding SLICE 1 IN ARRAY ARRAY[
    ['dblink(text, text) RETURNS SETOF record', 'dblink_record'],
    ['dblink_exec(text, text) RETURNS text', 'dblink_exec'],
    ['dblink_connect(text, text) RETURNS text', 'dblink_connect'],
    ['dblink_disconnect(text) RETURNS text', 'dblink_disconnect'],
    ['dblink_get_connections() RETURNS text[]', 'dblink_get_connections'],
    ['dblink_send_query(text, text) RETURNS integer', 'dblink_send_query'],
    ['dblink_is_busy(text) RETURNS integer', 'dblink_is_busy'],
    ['dblink_error_message(text) RETURNS text', 'dblink_error_message'],
    ['dblink_get_result(text) RETURNS SETOF record', 'dblink_get_result'],
    ['dblink_get_result(text, boolean) RETURNS SETOF record', 'dblink_get_result']
  ] LOOP
    BEGIN
      EXECUTE format('CREATE OR REPLACE FUNCTION azure_storage_private.%s LANGUAGE c STRICT AS %L, %L',
        binding[1], '$libdir/dblink', binding[2]);
    EXCEPTION WHEN undefined_file THEN
      EXECUTE format('CREATE OR REPLACE FUNCTION azure_storage_private.%s LANGUAGE plpgsql AS %L', binding[1],
        $body$BEGIN RAISE EXCEPTION 'azure_storage: this server lacks the library dblink'
          USING ERRCODE = 'feature_not_supported', HINT = 'It is in the package of contrib modules.'; END$body$);
    END;
  END LOOP;
END
$bind$;
REVOKE ALL ON FUNCTION azure_storage_private.dblink, azure_storage_private.dblink_exec,
  azure_storage_private.dblink_connect, azure_storage_private.dblink_disconnect, azure_storage_private.dblink_get_connections,
  azure_storage_private.dblink_send_query, azure_storage_private.dblink_is_busy,
  azure_storage_private.dblink_error_message, azure_storage_private.dblink_get_result(text),
  azure_storage_private.dblink_get_result(text, boolean) FROM PUBLIC;

-- Tells this server from all others, its standbys and its primary among them: when it was started, in microseconds.
CREATE OR REPLACE FUNCTION azure_storage_private.server_start() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.server_start FROM PUBLIC;

-- The proxies of a standby, which nothing can be registered at: each holds a session there, and its last statement
-- begins with a proof of the address; see loopback/presence.ts. They are there until they are registered, if it is promoted.
CREATE OR REPLACE FUNCTION azure_storage_private.present_addresses() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT string_agg(part[3], ',' ORDER BY part[2], a.backend_start DESC)
  FROM pg_stat_get_activity(NULL) AS a,
    regexp_match(CASE WHEN starts_with(a.query, '/* azure_storage proxy ') THEN a.query END,
      '^.{23}([0-9a-f]{64}) (first|last) ([^ ]+) [*]/') AS part
  WHERE CASE WHEN part IS NOT NULL THEN part[1] = azure_storage_private.proof('blobgres/2 presence', a.pid::text,
    (extract(epoch FROM a.backend_start) * 1000000)::bigint::text, part[2], part[3]) END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.present_addresses FROM PUBLIC;

-- The proxies that answer, as they have registered themselves for all databases of the server. A superuser can set others
-- for a database, under names that they know themselves by
-- (ALTER ROLE azure_storage_key IN DATABASE d SET azure_storage.loopback_addresses = ...). What a standby has of that is
-- about the proxies of its primary.
CREATE OR REPLACE FUNCTION azure_storage_private.loopback_addresses() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT substr(setting, length('azure_storage.loopback_addresses=') + 1)
  FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
  WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND r.rolname = 'azure_storage_key'
    AND starts_with(setting, 'azure_storage.loopback_addresses=') AND NOT pg_is_in_recovery()
  ORDER BY s.setdatabase DESC LIMIT 1
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.loopback_addresses FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.nonce() RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
  SELECT replace(concat(gen_random_uuid(), gen_random_uuid()), '-', '')
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.nonce FROM PUBLIC;

-- There is no secret in it: a proxy asks for none, and whoever else asks for a password gets this one. Without any, libpq
-- would look for one in the server's environment; and it stands first because dblink takes a text whose first 63
-- characters are the name of a foreign server for that server, and names are anybody's to give.
CREATE OR REPLACE FUNCTION azure_storage_private.connection_string(address text) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
  SELECT format('password=%s host=%s port=%s', azure_storage_private.nonce(), part[1], part[2])
    || ' user=azure_storage_loopback dbname=azure_storage_loopback sslmode=disable gssencmode=disable connect_timeout=5'
    || ' keepalives_idle=10 keepalives_interval=5 keepalives_count=3 application_name=azure_storage client_encoding='
    || getdatabaseencoding()
  FROM regexp_match(address, '^[[]?([^][ ]+)[]]?:([0-9]+)$') AS part
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.connection_string FROM PUBLIC;

-- In the names of this statement's connections: nobody can guess it, so nobody can lay one in our way. A procedure is one
-- statement, but can have many transactions; each one's connections are its own.
CREATE OR REPLACE FUNCTION azure_storage_private.connection_mark() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT left(azure_storage_private.proof('blobgres/2 connection', pg_backend_pid()::text,
    azure_storage_private.statement_microseconds(), extract(epoch FROM transaction_timestamp())::text), 16)
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.connection_mark FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.disconnect(connection text) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF connection = ANY (azure_storage_private.dblink_get_connections()) THEN
    PERFORM azure_storage_private.dblink_disconnect(connection);
  END IF;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.disconnect FROM PUBLIC;

-- For the caller's half: the connection of a cursor that list_open() or get_open() has given. `failure` is the SQLSTATE with
-- which its rows were refused here: the proxy, which has sent them all, does not know of it. No answer is waited for.
CREATE OR REPLACE FUNCTION azure_storage_private.close_connection(
  connection refcursor, failure text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF connection::text ~ '^azure_storage_[0-9a-f]{32}$' THEN
    IF failure IS NOT NULL AND connection::text = ANY (azure_storage_private.dblink_get_connections())
      AND azure_storage_private.dblink_is_busy(connection::text) = 0
      AND azure_storage_private.dblink_error_message(connection::text) = 'OK' THEN
      PERFORM azure_storage_private.dblink_send_query(connection::text, 'FAILED ' || left(failure, 5));
    END IF;
    PERFORM azure_storage_private.disconnect(connection::text);
  END IF;
END
$function$;

-- Waits for an answer so that it can be cancelled, and no longer than a proxy takes to prove itself.
CREATE OR REPLACE FUNCTION azure_storage_private.await_answer(connection text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  deadline CONSTANT timestamptz := clock_timestamp() + interval '5 s';
  looks integer := 0;
BEGIN
  WHILE azure_storage_private.dblink_is_busy(connection) = 1 LOOP
    looks := looks + 1;
    CONTINUE WHEN looks < 50;
    EXIT WHEN azure_storage_private.dblink_error_message(connection) <> 'OK'; -- lost, but "busy" all the same
    IF clock_timestamp() > deadline THEN
      RAISE EXCEPTION 'no answer within 5 seconds' USING ERRCODE = 'connection_failure';
    END IF;
    PERFORM pg_sleep(0.001);
  END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.await_answer FROM PUBLIC;

-- What has come of an answer to HELLO. Whatever error it is, it is not this statement's: not even a request to cancel.
CREATE OR REPLACE FUNCTION azure_storage_private.greeting(connection text, OUT nonce text, OUT proof text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  SELECT t.nonce, t.proof INTO nonce, proof
  FROM azure_storage_private.dblink_get_result(connection) AS t (nonce text, proof text);
EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
  RAISE EXCEPTION 'the answer is: %', SQLERRM USING ERRCODE = 'invalid_authorization_specification';
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.greeting FROM PUBLIC;

-- Nothing is asked of who has not proved to know the server's key, and to be what was dialled: else somebody who listens
-- where a proxy has died could pass everything on to another. And a proxy of the primary, or of another standby, would look
-- for this backend where it is not. NULL is for who has proved that before, over this
-- connection, and can be waited for. Gives the nonces of both sides, for one request.
CREATE OR REPLACE FUNCTION azure_storage_private.greet(connection text, address text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  pid CONSTANT text := pg_backend_pid();
  statement CONSTANT text := azure_storage_private.statement_microseconds();
  own_nonce CONSTANT text := azure_storage_private.nonce();
  server CONSTANT text := azure_storage_private.server_start();
  hello CONSTANT text := 'HELLO ' || encode(convert_to(jsonb_build_object('nonce', own_nonce, 'pid', pid,
    'statement', statement, 'address', address, 'server', server)::text, 'UTF8'), 'hex');
  its_nonce text;
  its_proof text;
  is_all boolean := true;
BEGIN
  IF address IS NULL THEN
    SELECT t.nonce, t.proof INTO its_nonce, its_proof
    FROM azure_storage_private.dblink(connection, hello) AS t (nonce text, proof text);
  ELSE
    PERFORM azure_storage_private.dblink_send_query(connection, hello);
    PERFORM azure_storage_private.await_answer(connection);
    SELECT nonce, proof INTO its_nonce, its_proof FROM azure_storage_private.greeting(connection);
    -- libpq wants to be told that this is all.
    PERFORM azure_storage_private.await_answer(connection);
    SELECT nonce IS NULL AND proof IS NULL INTO is_all FROM azure_storage_private.greeting(connection);
  END IF;
  IF (is_all AND its_proof = azure_storage_private.proof(
      'blobgres/2 peer', own_nonce, its_nonce, pid, statement, address, server)) IS NOT TRUE THEN
    RAISE EXCEPTION 'who listens there has not proved to be a proxy of this server'
      USING ERRCODE = 'invalid_authorization_specification';
  END IF;
  RETURN ARRAY[own_nonce, its_nonce];
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.greet FROM PUBLIC;

-- Connects to the first proxy that proves itself: the one that the session came through, if it can be had, which has
-- written its address into azure_storage.proxy. That is a session's to change, hence no more than a choice among those
-- that are registered; only where none of these serves, as on a standby, among those that are there. Closes what statements
-- before this one have left, because they failed.
CREATE OR REPLACE FUNCTION azure_storage_private.connect(connection text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  mark CONSTANT text := azure_storage_private.connection_mark();
  is_registered boolean;
  address text;
  detail text;
  tried text;
BEGIN
  PERFORM azure_storage_private.dblink_disconnect(name)
  FROM unnest(azure_storage_private.dblink_get_connections()) AS name
  WHERE name ~ '^azure_storage_([0-9a-f]{16}|[0-9a-f]{32})$' AND substr(name, 15, 16) <> mark;

  FOREACH is_registered IN ARRAY ARRAY[true, false] LOOP
    FOR address IN
      SELECT a.address
      FROM string_to_table(CASE WHEN is_registered THEN azure_storage_private.loopback_addresses()
          ELSE azure_storage_private.present_addresses() END, ',') WITH ORDINALITY AS a (address, n)
      ORDER BY a.address IS DISTINCT FROM current_setting('azure_storage.proxy', true), n
    LOOP
      BEGIN
        PERFORM azure_storage_private.dblink_connect(connection, azure_storage_private.connection_string(address));
        RETURN azure_storage_private.greet(connection, address);
      EXCEPTION
        WHEN query_canceled THEN
          PERFORM azure_storage_private.disconnect(connection);
          RAISE;
        WHEN OTHERS THEN
          GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
          tried := concat_ws('; ', tried, format('%s: %s', address, left(coalesce(nullif(detail, ''), SQLERRM), 500)));
          PERFORM azure_storage_private.disconnect(connection);
      END;
    END LOOP;
  END LOOP;
  IF tried IS NULL THEN
    RAISE EXCEPTION 'azure_storage: no proxy can be reached from this server'
      USING ERRCODE = 'sqlclient_unable_to_establish_sqlconnection',
        HINT = 'Tell the proxy with --loopback at which host and port this server reaches it.';
  END IF;
  RAISE EXCEPTION 'azure_storage: the server cannot reach the proxy'
    USING ERRCODE = 'sqlclient_unable_to_establish_sqlconnection', DETAIL = format('It tried %s', tried),
      HINT = 'Tell the proxy with --loopback at which host and port this server reaches it.';
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.connect FROM PUBLIC;

-- The bytes of its name, whatever they mean in the database's encoding.
CREATE OR REPLACE FUNCTION azure_storage_private.database_in_hex() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT encode(convert_to(current_database()::text, getdatabaseencoding()), 'hex')
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.database_in_hex FROM PUBLIC;

-- The text of a request. The proof is over its bytes, and good for one request over the connection that the nonces are
-- of: where the extension dblink is installed, a role finds the connection that blob_put has open, and can speak over it.
CREATE OR REPLACE FUNCTION azure_storage_private.proved_request(nonces text[], verb text, request jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  content CONSTANT text := request || jsonb_build_object(
    'encoding', getdatabaseencoding(),
    'client_encoding', pg_client_encoding(),
    'call', jsonb_build_object(
      'pid', pg_backend_pid(),
      'session', current_setting('azure_storage.session', true),
      'statement', azure_storage_private.statement_microseconds(),
      'timeout_ms', azure_storage_private.statement_timeout_ms(),
      'user_in_hex', encode(convert_to(session_user::text, getdatabaseencoding()), 'hex'),
      'database', current_database(),
      'database_in_hex', azure_storage_private.database_in_hex(),
      'block_size_mb', azure_storage_private.block_size_mb(),
      'progress', azure_storage_private.progress_wanted()));
BEGIN
  RETURN concat_ws(' ', verb,
    azure_storage_private.proof('blobgres/2 request', nonces[1], nonces[2], verb, content),
    encode(convert_to(content, 'UTF8'), 'hex'));
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.proved_request FROM PUBLIC;

-- A connection for one request, which must follow at once. One each, because a type's input function may ask for another
-- blob while the first is being read.
CREATE OR REPLACE FUNCTION azure_storage_private.connect_for(
  verb text, request jsonb, OUT connection text, OUT proved_request text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  connection := concat('azure_storage_', azure_storage_private.connection_mark(), left(azure_storage_private.nonce(), 16));
  proved_request := azure_storage_private.proved_request(
    azure_storage_private.connect(connection), verb, request);
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.connect_for FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.check_argument(name text, missing boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF missing THEN
    RAISE EXCEPTION '% argument is required', name USING ERRCODE = 'null_value_not_allowed';
  END IF;
END
$function$;

-- Of settings.sql, what only these functions need.
REVOKE ALL ON FUNCTION azure_storage_private.check_account_name, azure_storage_private.check_container_name,
  azure_storage_private.block_size_mb, azure_storage_private.statement_timeout_ms,
  azure_storage_private.progress_wanted FROM PUBLIC;
