-- What the database cannot do itself, it asks of a proxy, over a connection that dblink's C functions make.
--
-- Each request has two halves. The first runs with the rights of the caller and gets a ticket, which shows who that is;
-- the second is SECURITY DEFINER, trusts nothing but the ticket, and knows how to reach a proxy.

-- Bound here for ourselves, so that it takes no CREATE EXTENSION dblink. Every stock package has the library.
DO $bind$
DECLARE
  binding text[];
BEGIN
  FOREACH binding SLICE 1 IN ARRAY ARRAY[
    ['dblink(text, text) RETURNS SETOF record', 'dblink_record'],
    ['dblink_connect(text, text) RETURNS text', 'dblink_connect'],
    ['dblink_disconnect(text) RETURNS text', 'dblink_disconnect'],
    ['dblink_get_connections() RETURNS text[]', 'dblink_get_connections']
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
REVOKE ALL ON FUNCTION azure_storage_private.dblink, azure_storage_private.dblink_connect,
  azure_storage_private.dblink_disconnect, azure_storage_private.dblink_get_connections FROM PUBLIC;

-- The proxies that answer, as they have registered themselves for all databases of the server; a database can have a
-- setting of its own (ALTER ROLE azure_storage_key IN DATABASE d SET azure_storage.loopback_addresses = ...).
CREATE OR REPLACE FUNCTION azure_storage_private.loopback_addresses() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT substr(setting, length('azure_storage.loopback_addresses=') + 1)
  FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
  WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND r.rolname = 'azure_storage_key'
    AND starts_with(setting, 'azure_storage.loopback_addresses=')
  ORDER BY s.setdatabase DESC LIMIT 1
$function$;

-- How to reach a proxy: first the one that the session came through, which has written its address into
-- azure_storage.proxy. That is a session's to change, hence no more than a choice among those that are registered.
-- Called where dblink is, as its argument, so that the secret is in no statement and no parameter that could be
-- logged. The password comes first: dblink takes a text whose first 63 characters are the name of one of its
-- connections for that name, and names are anybody's to give.
CREATE OR REPLACE FUNCTION azure_storage_private.loopback_connection() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  hosts text;
  ports text;
BEGIN
  SELECT string_agg(part[1], ',' ORDER BY n), string_agg(part[2], ',' ORDER BY n) INTO hosts, ports
  FROM (
    SELECT text, row_number() OVER (ORDER BY text IS DISTINCT FROM current_setting('azure_storage.proxy', true), n)
    FROM string_to_table(azure_storage_private.loopback_addresses(), ',') WITH ORDINALITY AS address (text, n)
  ) AS address (text, n), regexp_match(address.text, '^[[]?([^][ ]+)[]]?:([0-9]+)$') AS part;
  IF hosts IS NULL THEN
    RAISE EXCEPTION 'azure_storage: no proxy can be reached from this server'
      USING ERRCODE = 'sqlclient_unable_to_establish_sqlconnection',
        HINT = 'Tell the proxy with --loopback at which host and port this server reaches it.';
  END IF;
  RETURN format('password=%s host=%s port=%s', encode(sha256(mac_key || 'loopback'::bytea), 'hex'), hosts, ports)
    || ' user=azure_storage_loopback dbname=azure_storage_loopback sslmode=disable gssencmode=disable connect_timeout=5'
    || ' keepalives_idle=10 keepalives_interval=5 keepalives_count=3 application_name=azure_storage client_encoding='
    || getdatabaseencoding()
    FROM azure_storage_private.sealing_key;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.loopback_connection FROM PUBLIC;

-- The caller's half: throws where the caller may not use the account. NULL is for anonymous use.
CREATE OR REPLACE FUNCTION azure_storage_private.ticket(account text, container text) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
  SELECT CASE WHEN c.auth_type IS NOT NULL THEN
      jsonb_build_object('auth_type', c.auth_type, 'sealed', c.sealed, 'mac', c.ticket_mac)
    END
  FROM azure_storage_private.credential(account, container, false, '') AS c
$function$;

-- The text of a request, for the halves that are SECURITY DEFINER. The ticket goes with it, for the proxy to check:
-- where the extension dblink is installed, a role finds the connection that blob_put has open, and can speak over it.
CREATE OR REPLACE FUNCTION azure_storage_private.authorized(verb text, account text, ticket jsonb, request jsonb)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  is_proved boolean;
BEGIN
  IF ticket IS NULL THEN
    is_proved := NOT azure_storage_private.is_registered(account)
      AND azure_storage_private.setting_on('public_account_access');
  ELSE
    is_proved := ticket ->> 'mac' = azure_storage_private.ticket_mac(
        mac_key, account, (ticket ->> 'auth_type')::azure_storage.auth_type, ticket ->> 'sealed')
      FROM azure_storage_private.sealing_key;
  END IF;
  IF is_proved IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: the caller has not proved that it may use storage account %', account
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN verb || ' ' || (request || jsonb_build_object(
    'account', account,
    'grant', ticket || jsonb_build_object('passphrase', azure_storage_private.passphrase()),
    'encoding', getdatabaseencoding(),
    'call', jsonb_build_object(
      'pid', pg_backend_pid(),
      'session', current_setting('azure_storage.session', true),
      'statement', azure_storage_private.statement_microseconds(),
      'timeout_ms', azure_storage_private.statement_timeout_ms(),
      'database', current_database(),
      'block_size_mb', azure_storage_private.block_size_mb())))::text;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.authorized FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.check_argument(name text, missing boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF missing THEN
    RAISE EXCEPTION '% argument is required', name USING ERRCODE = 'null_value_not_allowed';
  END IF;
END
$function$;

-- dblink's own message says nothing about us. The caller re-throws whatever is not for this function.
CREATE OR REPLACE FUNCTION azure_storage_private.check_connected(sqlstate_p text, message text, detail text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF sqlstate_p = '08001' AND message = 'could not establish connection' THEN
    RAISE EXCEPTION 'azure_storage: the server cannot reach the proxy'
      USING ERRCODE = sqlstate_p,
        DETAIL = format('It tried %s: %s', azure_storage_private.loopback_addresses(), detail),
        HINT = 'Tell the proxy with --loopback at which host and port this server reaches it.';
  END IF;
END
$function$;
