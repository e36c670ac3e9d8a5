CREATE OR REPLACE FUNCTION azure_storage_private.list_open(account text, container text, prefix text, ticket jsonb)
RETURNS refcursor
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  request text := azure_storage_private.authorized(
    'LIST', account, ticket, jsonb_build_object('container', container, 'prefix', prefix));
  blobs refcursor;
BEGIN
  OPEN blobs NO SCROLL FOR
    SELECT * FROM azure_storage_private.dblink(azure_storage_private.loopback_connection(), request) AS t (
      path text, bytes bigint, last_modified timestamptz, etag text, content_type text, content_encoding text,
      content_hash text);
  RETURN blobs;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.blob_list(
  account_name text, container_name text, prefix text DEFAULT ''::text
) RETURNS TABLE (
  path text, bytes bigint, last_modified timestamptz, etag text, content_type text, content_encoding text,
  content_hash text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  blobs refcursor;
  detail text;
BEGIN
  PERFORM azure_storage_private.check_argument('account_name', account_name IS NULL);
  PERFORM azure_storage_private.check_argument('container_name', container_name IS NULL);
  PERFORM azure_storage_private.check_argument('prefix', prefix IS NULL);
  blobs := azure_storage_private.list_open(
    account_name, container_name, prefix, azure_storage_private.ticket(account_name, container_name));
  RETURN QUERY EXECUTE format('FETCH ALL FROM %I', blobs);
  CLOSE blobs;
EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  PERFORM azure_storage_private.check_connected(SQLSTATE, SQLERRM, detail);
  RAISE;
END
$function$;
