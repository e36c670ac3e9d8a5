CREATE OR REPLACE FUNCTION azure_storage_private.list_open(
  caller azure_storage_private.caller, account text, container text, prefix text
) RETURNS refcursor
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  blobs refcursor; -- named like its connection, for close_connection()
  request text;
BEGIN
  SELECT * INTO blobs, request FROM azure_storage_private.connect_for('LIST', jsonb_build_object(
    'access', azure_storage_private.access(caller, account, container, false),
    'account', account, 'container', container, 'prefix', prefix));
  OPEN blobs NO SCROLL FOR
    SELECT * FROM azure_storage_private.dblink(blobs::text, request) AS t (
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
BEGIN
  PERFORM azure_storage_private.check_argument('account_name', account_name IS NULL);
  PERFORM azure_storage_private.check_argument('container_name', container_name IS NULL);
  PERFORM azure_storage_private.check_argument('prefix', prefix IS NULL);
  SELECT azure_storage_private.list_open(c, account_name, container_name, prefix) INTO blobs
  FROM azure_storage_private.caller AS c;
  RETURN QUERY EXECUTE format('FETCH ALL FROM %I', blobs);
  CLOSE blobs;
  PERFORM azure_storage_private.close_connection(blobs);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.close_connection(blobs);
  RAISE;
END
$function$;
