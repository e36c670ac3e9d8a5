-- The jsonb helpers, for anyone: keys are the argument names, NULLs left out.

CREATE OR REPLACE FUNCTION azure_storage.account_options_managed_identity(name text, type azure_storage.storage_type)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', $1, 'type', $2))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_options_credentials(
  name text, credentials text, type azure_storage.storage_type
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', $1, 'credentials', $2, 'type', $3))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_options(
  name text, auth_type azure_storage.auth_type, storage_type azure_storage.storage_type, credentials text DEFAULT NULL
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'name', $1, 'auth_type', $2, 'storage_type', $3, 'credentials', $4))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_copy(
  delimiter text DEFAULT NULL, null_string text DEFAULT NULL, header boolean DEFAULT NULL, quote text DEFAULT NULL,
  escape text DEFAULT NULL, force_quote text[] DEFAULT NULL, force_not_null text[] DEFAULT NULL,
  force_null text[] DEFAULT NULL, content_encoding text DEFAULT NULL
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'delimiter', $1, 'null_string', $2, 'header', $3, 'quote', $4, 'escape', $5, 'force_quote', $6,
    'force_not_null', $7, 'force_null', $8, 'content_encoding', $9))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_csv_get(
  delimiter text DEFAULT NULL, null_string text DEFAULT NULL, header boolean DEFAULT NULL, quote text DEFAULT NULL,
  escape text DEFAULT NULL, force_not_null text[] DEFAULT NULL, force_null text[] DEFAULT NULL,
  content_encoding text DEFAULT NULL
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'delimiter', $1, 'null_string', $2, 'header', $3, 'quote', $4, 'escape', $5, 'force_not_null', $6,
    'force_null', $7, 'content_encoding', $8))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_csv_put(
  delimiter text DEFAULT NULL, null_string text DEFAULT NULL, header boolean DEFAULT NULL, quote text DEFAULT NULL,
  escape text DEFAULT NULL, force_quote text[] DEFAULT NULL, content_encoding text DEFAULT NULL
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'delimiter', $1, 'null_string', $2, 'header', $3, 'quote', $4, 'escape', $5, 'force_quote', $6,
    'content_encoding', $7))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_tsv(
  delimiter text DEFAULT NULL, null_string text DEFAULT NULL, content_encoding text DEFAULT NULL
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'delimiter', $1, 'null_string', $2, 'content_encoding', $3))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_binary(content_encoding text DEFAULT NULL)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('content_encoding', $1))
$function$;

CREATE OR REPLACE FUNCTION azure_storage.options_parquet() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $function$
  SELECT '{}'::pg_catalog.jsonb
$function$;
