-- Credentials are stored sealed, by the proxy: it alone seals and opens them (storage/sealing.ts). The database knows
-- of the server's key, which server.sql made, only the half that proofs are made with.
CREATE OR REPLACE VIEW azure_storage_private.sealing_key AS
SELECT decode(part[1], 'base64') AS mac_key
FROM pg_catalog.pg_authid,
  regexp_match(rolpassword, '^SCRAM-SHA-256[$][0-9]+:[^$]+[$][^:]{44}:(.{44})$') AS part
WHERE rolname = 'azure_storage_key';

-- What every proof is; its twin is in storage/mac.ts. The words say what it is about, the first of them what it is for.
-- Each has its length before it (int4, -1 for NULL), so that no two lists of words are one message. PUBLIC may call it,
-- because the view `caller` does so in the name of whoever reads that; it is nothing without the key.
CREATE OR REPLACE FUNCTION azure_storage_private.mac(key bytea, VARIADIC words text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  message bytea := '';
  word text;
BEGIN
  FOREACH word IN ARRAY words LOOP
    message := message || CASE WHEN word IS NULL THEN int4send(-1)
      ELSE int4send(octet_length(convert_to(word, 'UTF8'))) || convert_to(word, 'UTF8') END;
  END LOOP;
  RETURN encode(sha256(key || sha256(key || message)), 'hex');
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.proof(VARIADIC words text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT azure_storage_private.mac(mac_key, VARIADIC words) FROM azure_storage_private.sealing_key
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.proof FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.passphrase() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coalesce(current_setting('azure_storage.credential_encryption_key', true), '')
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.passphrase FROM PUBLIC;

-- Has a proxy seal `clear`, or what is `sealed` already, under the passphrase if there is one: what only an
-- azure_storage_admin may call does so. It looks at what it seals, and may have a warning: it alone sees it in clear.
CREATE OR REPLACE FUNCTION azure_storage_private.seal(
  account text, auth azure_storage.auth_type, clear text, sealed text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection text;
  request text;
  result text;
  warning text;
BEGIN
  SELECT * INTO connection, request FROM azure_storage_private.connect_for('SEAL', jsonb_build_object(
    'account', account, 'auth_type', auth, 'credentials', clear, 'sealed', sealed,
    'passphrase', azure_storage_private.passphrase()));
  SELECT * INTO result, warning FROM azure_storage_private.dblink(connection, request) AS t (result text, warning text);
  PERFORM azure_storage_private.disconnect(connection);
  IF warning IS NOT NULL THEN RAISE WARNING '%', warning; END IF;
  RETURN result;
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.disconnect(connection);
  RAISE;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.seal FROM PUBLIC;
