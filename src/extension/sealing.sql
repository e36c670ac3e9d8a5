-- Credentials are stored sealed, by the proxy: it alone seals and opens them (storage/sealing.ts). The database knows
-- of the server's key, which server.sql made, only the half that proofs are made with.
CREATE OR REPLACE VIEW azure_storage_private.sealing_key AS
SELECT decode(part[1], 'base64') AS mac_key
FROM pg_catalog.pg_authid,
  regexp_match(rolpassword, '^SCRAM-SHA-256[$][0-9]+:[^$]+[$][^:]{44}:(.{44})$') AS part
WHERE rolname = 'azure_storage_key';

CREATE OR REPLACE FUNCTION azure_storage_private.passphrase() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coalesce(current_setting('azure_storage.credential_encryption_key', true), '')
$function$;

-- Has a proxy seal `clear`, or what is `sealed` already, under the passphrase if there is one. The proof is for the
-- whole request: only what an azure_storage_admin may call comes here.
CREATE OR REPLACE FUNCTION azure_storage_private.seal(
  account text, auth azure_storage.auth_type, clear text, sealed text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  request CONSTANT text := jsonb_build_object('account', account, 'auth_type', auth, 'credentials', clear,
    'sealed', sealed, 'passphrase', azure_storage_private.passphrase(), 'pid', pg_backend_pid());
  proof CONSTANT text := encode(sha256(mac_key || sha256(mac_key || convert_to('seal|' || request, 'UTF8'))), 'hex')
    FROM azure_storage_private.sealing_key;
  detail text;
BEGIN
  RETURN (
    SELECT t.sealed
    FROM azure_storage_private.dblink(
      azure_storage_private.loopback_connection(), concat_ws(' ', 'SEAL', proof, request)) AS t (sealed text));
EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  PERFORM azure_storage_private.check_connected(SQLSTATE, SQLERRM, detail);
  RAISE;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.seal FROM PUBLIC;
