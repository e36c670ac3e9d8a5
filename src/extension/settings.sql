-- The azure_storage.* settings: custom, hence without a check of their own, and perhaps unset. See server.sql.

CREATE OR REPLACE FUNCTION azure_storage_private.setting_on(setting text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN coalesce(nullif(current_setting('azure_storage.' || setting, true), ''), 'on')::boolean;
EXCEPTION WHEN invalid_text_representation THEN
  RAISE EXCEPTION 'parameter "azure_storage.%" requires a Boolean value', setting
    USING ERRCODE = 'invalid_parameter_value';
END
$function$;

-- What Azure's own does not have. A proxy that has it on for all does not ask.
CREATE OR REPLACE FUNCTION azure_storage_private.extras_on() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN coalesce(nullif(current_setting('blobgres.extras', true), ''), 'off')::boolean;
EXCEPTION WHEN invalid_text_representation THEN
  RAISE EXCEPTION 'parameter "blobgres.extras" requires a Boolean value' USING ERRCODE = 'invalid_parameter_value';
END
$function$;

-- What a proxy needs to know where the name of a blob may be a pattern.
CREATE OR REPLACE FUNCTION azure_storage_private.file_settings() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT jsonb_build_object(
    'extras', azure_storage_private.extras_on(), 'max_files', current_setting('blobgres.max_files', true))
$function$;

-- The error is what is said without them; where COPY with URLs is off, PostgreSQL has the word.
CREATE OR REPLACE FUNCTION azure_storage_private.require_extras(message text, code text, hint text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF NOT azure_storage_private.extras_on() AND azure_storage_private.setting_on('enable_copy_command') THEN
    RAISE EXCEPTION USING MESSAGE = message, ERRCODE = code,
      HINT = coalesce(nullif(hint, ''), 'It is beyond Azure''s own, and there with SET blobgres.extras = on.');
  END IF;
END
$function$;

-- Whether the client wants notices of progress, and would see them. NULL: it has not said so.
CREATE OR REPLACE FUNCTION azure_storage_private.progress_wanted() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF current_setting('client_min_messages') IN ('warning', 'error') THEN RETURN false; END IF;
  RETURN nullif(current_setting('blobgres.progress', true), '')::boolean;
EXCEPTION WHEN invalid_text_representation THEN
  RAISE EXCEPTION 'parameter "blobgres.progress" requires a Boolean value' USING ERRCODE = 'invalid_parameter_value';
END
$function$;

-- Azure's own limit of a block is 4000 MiB.
CREATE OR REPLACE FUNCTION azure_storage_private.block_size_mb() RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  setting text := coalesce(nullif(current_setting('azure_storage.blob_block_size_mb', true), ''), '128');
BEGIN
  IF setting !~ '^ *[0-9]{1,4} *$' OR setting::integer NOT BETWEEN 1 AND 4000 THEN
    RAISE EXCEPTION 'invalid value for parameter "azure_storage.blob_block_size_mb": "%"', setting
      USING ERRCODE = 'invalid_parameter_value', HINT = 'It is a number of megabytes from 1 to 4000.';
  END IF;
  RETURN setting::integer;
END
$function$;

-- Shown with its unit ("90s", "2min"), which interval reads; asking pg_settings instead would compute every setting.
CREATE OR REPLACE FUNCTION azure_storage_private.statement_timeout_ms() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT (extract(epoch FROM current_setting('statement_timeout')::interval) * 1000)::bigint
$function$;

-- Together with the backend's pid, the name of the statement that its client has sent.
CREATE OR REPLACE FUNCTION azure_storage_private.statement_microseconds() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint::text
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.check_account_name(account_name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF account_name ~ '^[a-z0-9]{3,24}$' THEN RETURN; END IF;
  RAISE EXCEPTION 'azure_storage: invalid storage account name: %', coalesce(account_name, 'NULL')
    USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A storage account name has 3 to 24 lower-case letters and digits.';
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage_private.check_container_name(container_name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF container_name IN ('$root', '$web', '$logs')
    OR container_name ~ '^[a-z0-9](-?[a-z0-9])+$' AND length(container_name) BETWEEN 3 AND 63 THEN RETURN; END IF;
  RAISE EXCEPTION 'azure_storage: invalid container name: %', coalesce(container_name, 'NULL')
    USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A container name has 3 to 63 lower-case letters, digits and single hyphens, '
        'and begins and ends with a letter or digit.';
END
$function$;
