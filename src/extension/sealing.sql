-- Credentials are stored sealed; storage/sealing.ts opens them (and documents the format).

-- The key of the whole server, which server.sql made.
CREATE OR REPLACE VIEW azure_storage_private.sealing_key AS
SELECT decode(part[1], 'base64') AS enc_key, decode(part[2], 'base64') AS mac_key
FROM pg_catalog.pg_authid,
  regexp_match(rolpassword, '^SCRAM-SHA-256\$\d+:[^$]+\$([^:]{44}):(.{44})$') AS part
WHERE rolname = 'azure_storage_key';

CREATE OR REPLACE FUNCTION azure_storage_private.seal(account text, clear text) RETURNS text
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  key azure_storage_private.sealing_key;
  nonce bytea := uuid_send(gen_random_uuid());
  body bytea := convert_to(clear, 'UTF8');
  stream bytea;
  mac bytea;
BEGIN
  SELECT * INTO STRICT key FROM azure_storage_private.sealing_key;
  FOR i IN 0 .. octet_length(body) - 1 LOOP
    IF i % 32 = 0 THEN stream := sha256(key.enc_key || nonce || int4send(i / 32)); END IF;
    body := set_byte(body, i, get_byte(body, i) # get_byte(stream, i % 32));
  END LOOP;
  mac := sha256(key.mac_key || sha256(key.mac_key || convert_to('sealed|' || account || '|', 'UTF8') || nonce || body));
  RETURN 'v1:' || translate(encode(nonce || body || mac, 'base64'), E'\n', '');
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.seal FROM PUBLIC;
