-- Credentials are stored sealed; storage/sealing.ts opens them (and documents the format).

-- The key of the whole server, which server.sql made.
CREATE OR REPLACE VIEW azure_storage_private.sealing_key AS
SELECT decode(part[1], 'base64') AS enc_key, decode(part[2], 'base64') AS mac_key
FROM pg_catalog.pg_authid,
  regexp_match(rolpassword, '^SCRAM-SHA-256[$][0-9]+:[^$]+[$]([^:]{44}):(.{44})$') AS part
WHERE rolname = 'azure_storage_key';

CREATE OR REPLACE FUNCTION azure_storage_private.passphrase() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coalesce(current_setting('azure_storage.credential_encryption_key', true), '')
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.apply_keystream(bytes bytea, nonce bytea, enc_key bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  block bytea;
BEGIN
  FOR i IN 0 .. octet_length(bytes) - 1 LOOP
    IF i % 32 = 0 THEN block := sha256(enc_key || nonce || int4send(i / 32)); END IF;
    bytes := set_byte(bytes, i, get_byte(bytes, i) # get_byte(block, i % 32));
  END LOOP;
  RETURN bytes;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.seal_mac(account text, body bytea, mac_key bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT sha256(mac_key || sha256(mac_key || convert_to('sealed|' || account || '|', 'UTF8') || body))
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.seal(account text, clear text) RETURNS text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  key azure_storage_private.sealing_key;
  passphrase bytea := convert_to(azure_storage_private.passphrase(), 'UTF8');
  nonce bytea := uuid_send(gen_random_uuid());
  body bytea;
BEGIN
  SELECT * INTO STRICT key FROM azure_storage_private.sealing_key;
  IF passphrase <> '' THEN
    key := (sha256(key.enc_key || passphrase), sha256(key.mac_key || passphrase));
  END IF;
  body := nonce || azure_storage_private.apply_keystream(convert_to(clear, 'UTF8'), nonce, key.enc_key);
  RETURN CASE WHEN passphrase = '' THEN 'v1:' ELSE 'v2:' END || translate(
    encode(body || azure_storage_private.seal_mac(account, body, key.mac_key), 'base64'), chr(10), '');
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.seal FROM PUBLIC;

-- What was sealed while no passphrase was set; what has one, the database never opens.
CREATE OR REPLACE FUNCTION azure_storage_private.open_v1(account text, sealed text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  key azure_storage_private.sealing_key;
  bytes bytea := decode(substr(sealed, 4), 'base64');
  body bytea := substr(bytes, 1, octet_length(bytes) - 32);
BEGIN
  SELECT * INTO STRICT key FROM azure_storage_private.sealing_key;
  IF substr(bytes, octet_length(bytes) - 31) <> azure_storage_private.seal_mac(account, body, key.mac_key) THEN
    RAISE EXCEPTION 'azure_storage: storage credentials invalid format'
      USING ERRCODE = 'invalid_parameter_value', DETAIL = format('The account is %s.', account);
  END IF;
  RETURN convert_from(
    azure_storage_private.apply_keystream(substr(body, 17), substr(body, 1, 16), key.enc_key), 'UTF8');
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.open_v1 FROM PUBLIC;
