-- What the proxy runs in the client's own session around a COPY from or to a URL, with the client's own rights.

-- Throws, or says how to reach the account: auth_type NULL is without credentials of ours. `challenge` is the proxy's
-- fresh random number, for grant_mac. No SET search_path here and no operator: `statement` needs the client's.
CREATE OR REPLACE FUNCTION azure_storage_private.copy_open(
  account_name text, container_name text, statement text, own_credentials boolean, challenge text
) RETURNS TABLE (
  sealed text, auth_type text, statement_timeout_ms bigint, block_size_mb integer, grant_mac text,
  passphrase text
)
LANGUAGE plpgsql AS $function$
BEGIN
  IF NOT azure_storage_private.setting_on('enable_copy_command') THEN
    EXECUTE statement; -- PostgreSQL's own refusal of the URL
    RAISE EXCEPTION 'azure_storage: COPY with URLs is disabled' USING ERRCODE = 'feature_not_supported';
  END IF;
  RETURN QUERY SELECT c.sealed, c.auth_type, c.statement_timeout_ms, c.block_size_mb, c.grant_mac, c.passphrase
    FROM azure_storage_private.credential(account_name, container_name, own_credentials, challenge) AS c;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.credential(
  account text, container text, own_credentials boolean, challenge text
) RETURNS TABLE (
  sealed text, auth_type text, statement_timeout_ms bigint, block_size_mb integer, grant_mac text,
  passphrase text, ticket_mac text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET azure_storage.challenge = '' -- the latter to forget it at the end
AS $function$
DECLARE
  usable azure_storage_private.usable_accounts;
BEGIN
  IF NOT azure_storage_private.setting_on('allow_network_access') THEN
    RAISE EXCEPTION 'azure_storage: network access is disabled' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM azure_storage_private.check_account_name(account);
  PERFORM azure_storage_private.check_container_name(container);
  IF NOT own_credentials THEN
    PERFORM set_config('azure_storage.challenge', challenge, true);
    SELECT * INTO usable FROM azure_storage_private.usable_accounts AS u WHERE u.account_name = account;
    IF NOT FOUND AND azure_storage_private.is_registered(account) THEN
      RAISE EXCEPTION 'azure_storage: current user % is not allowed to use storage account %', current_user, account
        USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT FOUND AND NOT azure_storage_private.setting_on('public_account_access') THEN
      RAISE EXCEPTION 'azure_storage: missing storage credentials'
        USING ERRCODE = 'invalid_authorization_specification',
          HINT = $hint$Use SELECT azure_storage.account_add('<account name>', '<access key>')$hint$;
    END IF;
  END IF;
  RETURN QUERY SELECT usable.sealed_credentials, usable.auth_type::text,
    azure_storage_private.statement_timeout_ms(), azure_storage_private.block_size_mb(), usable.grant_mac,
    azure_storage_private.passphrase(), usable.ticket_mac;
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
