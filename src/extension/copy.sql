-- What the proxy runs in the client's own session around a COPY from or to a URL, with the client's own rights.

-- Throws, or says how to reach the account, in hexadecimal, with the proof that the proxy asks for: `challenge` is its
-- fresh random number. Anybody with a database of its own can make a function that looks like this one. No SET
-- search_path here and no operator: `statement` needs the client's.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_open(
  account_name text, container_name text, statement text, own_credentials boolean, challenge text
) RETURNS TABLE (access text, proof text)
LANGUAGE plpgsql AS $function$
BEGIN
  IF NOT azure_storage_private.setting_on('enable_copy_command') THEN
    EXECUTE statement; -- PostgreSQL's own refusal of the URL
    RAISE EXCEPTION 'azure_storage: COPY with URLs is disabled' USING ERRCODE = 'feature_not_supported';
  END IF;
  RETURN QUERY SELECT a.access, a.proof
    FROM azure_storage_private.caller AS c,
      azure_storage_private.copy_access(c, account_name, container_name, own_credentials, challenge) AS a;
END
$function$;

-- The same before the COPY, for a look at its blob: access and proof, or NULL where copy_open() has something to say.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_look(
  account_name text, container_name text, own_credentials boolean, is_extra boolean, challenge text
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF NOT azure_storage_private.setting_on('enable_copy_command') OR is_extra AND NOT azure_storage_private.extras_on() THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT concat_ws(' ', a.access, a.proof)
    FROM azure_storage_private.caller AS c,
      azure_storage_private.copy_access(c, account_name, container_name, own_credentials, challenge) AS a);
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END
$function$;

-- What is proved is a JSON text, byte for byte; see storage/access.ts.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_access(
  caller azure_storage_private.caller, account text, container text, own_credentials boolean, challenge text,
  OUT access text, OUT proof text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  granted CONSTANT jsonb := azure_storage_private.access(caller, account, container, own_credentials IS TRUE);
  told text;
BEGIN
  IF (challenge ~ '^[0-9a-f]{32}$') IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: a challenge has 32 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  told := jsonb_build_object('account', account, 'grant', granted, 'pid', pg_backend_pid(),
    'database', azure_storage_private.database_in_hex(),
    'statement_timeout_ms', azure_storage_private.statement_timeout_ms(),
    'block_size_mb', azure_storage_private.block_size_mb(),
    'progress', azure_storage_private.progress_wanted());
  access := encode(convert_to(told, 'UTF8'), 'hex');
  proof := azure_storage_private.proof('blobgres/2 access', challenge, told);
END
$function$;

-- Waits until the proxy has committed the blob. The message makes the backend send what it has buffered: the end of the
-- COPY, for which the proxy waits. INFO goes to the client whatever client_min_messages says; the proxy keeps it. The
-- proxy holds lock_key exclusively until then, and from then on lock_key # 1: if nobody holds that, it has died. The
-- wait is bounded by statement_timeout alone.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_settle(lock_key bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = 0 AS $function$
BEGIN
  RAISE INFO 'azure_storage: waiting for the blob to be committed';
  PERFORM pg_advisory_lock_shared(lock_key);
  PERFORM pg_advisory_unlock_shared(lock_key);
  IF pg_try_advisory_lock_shared(lock_key # 1) THEN
    PERFORM pg_advisory_unlock_shared(lock_key # 1);
    RAISE EXCEPTION 'azure_storage: the proxy was lost before the blob was committed'
      USING ERRCODE = 'connection_failure';
  END IF;
END
$function$;
