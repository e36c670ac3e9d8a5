-- The schema blobgres, for tests of the user's own SQL. It is there where a proxy with extras, or that of the dev stack, has
-- run CREATE or ALTER EXTENSION; from then on every proxy keeps it up to date. A change of a name, an argument or a result
-- needs a DROP here before. See docs/extras.md.
GRANT USAGE ON SCHEMA blobgres TO PUBLIC;

-- Does what `verb` says, and gives the faults that there are then. They are the proxy's: what is rolled back keeps them, and
-- a proxy without extras has none.
CREATE OR REPLACE FUNCTION azure_storage_private.faults(verb text, request jsonb)
RETURNS TABLE (fault text, account text, container text, path_pattern text, times integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection text;
  proved text;
BEGIN
  SELECT * INTO connection, proved FROM azure_storage_private.connect_for(verb, request);
  RETURN QUERY SELECT * FROM azure_storage_private.dblink(connection, proved)
    AS t (fault text, account text, container text, path_pattern text, times integer);
  PERFORM azure_storage_private.disconnect(connection);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.disconnect(connection);
  RAISE;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.faults FROM PUBLIC;

CREATE OR REPLACE FUNCTION blobgres.inject(
  fault text, account text, container text, path_pattern text, times integer DEFAULT 1
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_argument('fault', fault IS NULL);
  PERFORM azure_storage_private.check_argument('account', account IS NULL);
  PERFORM azure_storage_private.check_argument('container', container IS NULL);
  PERFORM azure_storage_private.check_argument('path_pattern', path_pattern IS NULL);
  PERFORM azure_storage_private.check_argument('times', times IS NULL);
  PERFORM azure_storage_private.faults('INJECT', jsonb_build_object('fault', fault, 'account', account,
    'container', container, 'path_pattern', path_pattern, 'times', times));
END
$function$;

CREATE OR REPLACE FUNCTION blobgres.clear() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.faults('CLEAR', '{}');
END
$function$;

-- What has not happened yet, in the order in which it will.
CREATE OR REPLACE FUNCTION blobgres.faults()
RETURNS TABLE (fault text, account text, container text, path_pattern text, times integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN QUERY SELECT * FROM azure_storage_private.faults('FAULTS', '{}');
END
$function$;

REVOKE ALL ON FUNCTION blobgres.inject, blobgres.clear, blobgres.faults FROM PUBLIC;
GRANT EXECUTE ON FUNCTION blobgres.inject, blobgres.clear, blobgres.faults TO azure_storage_admin;

-- What each proxy says of its transfers, under way and ended. One that does not answer is left out.
CREATE OR REPLACE FUNCTION azure_storage_private.all_transfers() RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection CONSTANT text := concat('azure_storage_', azure_storage_private.connection_mark(), left(azure_storage_private.nonce(), 16));
  address text;
BEGIN
  FOREACH address IN ARRAY string_to_array(
    coalesce(azure_storage_private.loopback_addresses(), azure_storage_private.present_addresses(), ''), ',')
  LOOP
    BEGIN
      PERFORM azure_storage_private.dblink_connect(connection, azure_storage_private.connection_string(address));
      RETURN QUERY SELECT t.transfer::jsonb || jsonb_build_object('proxy', address)
        FROM azure_storage_private.dblink(connection, azure_storage_private.proved_request(
          azure_storage_private.greet(connection, address), 'TRANSFERS', '{}')) AS t (transfer text);
      PERFORM azure_storage_private.disconnect(connection);
    EXCEPTION
      WHEN query_canceled THEN
        PERFORM azure_storage_private.disconnect(connection);
        RAISE;
      WHEN OTHERS THEN
        PERFORM azure_storage_private.disconnect(connection);
    END;
  END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.all_transfers FROM PUBLIC;

-- Admins see those of all, whoever else calls its own.
CREATE OR REPLACE FUNCTION azure_storage_private.transfers_for(caller azure_storage_private.caller) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  sees_all CONSTANT boolean := pg_has_role(caller.role, 'azure_storage_admin', 'MEMBER');
BEGIN
  IF (caller.proof = azure_storage_private.proof('blobgres/2 caller', pg_backend_pid()::text,
      azure_storage_private.statement_microseconds(), current_database()::text, caller.role::text)) IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: the caller has not proved who it is' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN QUERY SELECT t FROM azure_storage_private.all_transfers() AS t
    WHERE sees_all OR t ->> 'usename' = pg_get_userbyid(caller.role)::text;
END
$function$;

CREATE OR REPLACE FUNCTION blobgres.transfers()
RETURNS TABLE (
  proxy text, session bigint, pid integer, usename text, datname text, statement text, direction text, account text,
  container text, path text, format text, compression text, state text, bytes bigint, total_bytes bigint, rows bigint,
  bytes_per_second bigint, since timestamptz, ended_at timestamptz, sqlstate text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN QUERY SELECT r.*
    FROM azure_storage_private.caller AS c, azure_storage_private.transfers_for(c) AS t, jsonb_to_record(t) AS r (
      proxy text, session bigint, pid integer, usename text, datname text, statement text, direction text, account text,
      container text, path text, format text, compression text, state text, bytes bigint, total_bytes bigint, rows bigint,
      bytes_per_second bigint, since timestamptz, ended_at timestamptz, sqlstate text);
END
$function$;

CREATE OR REPLACE VIEW blobgres.transfers AS SELECT * FROM blobgres.transfers();
GRANT SELECT ON blobgres.transfers TO PUBLIC;
