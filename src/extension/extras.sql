-- The schema blobgres, for tests of the user's own SQL. It is there where a proxy with extras, or that of the dev stack, has
-- run CREATE or ALTER EXTENSION; from then on every proxy keeps it up to date. A change of a name, an argument or a result
-- needs a DROP here before. See docs/extras.md.
GRANT USAGE ON SCHEMA blobgres TO PUBLIC;

-- Does what `verb` says, and gives the faults that there are then. They are the proxy's: what is rolled back keeps them, and
-- a proxy without extras has none.
CREATE OR REPLACE FUNCTION azure_storage_private.faults(verb text, request jsonb)
RETURNS TABLE (fault text, account text, container text, path_pattern text, times integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  connection text;
  proved text;
BEGIN
  SELECT * INTO connection, proved FROM azure_storage_private.connect_for(verb, request);
  RETURN QUERY SELECT * FROM azure_storage_private.dblink(connection, proved)
    AS t (fault text, account text, container text, path_pattern text, times integer);
  PERFORM azure_storage_private.disconnect(connection);
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM azure_storage_private.disconnect(connection);
  RAISE;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.faults FROM PUBLIC;

CREATE OR REPLACE FUNCTION blobgres.inject(
  fault text, account text, container text, path_pattern text, times integer DEFAULT 1
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_argument('fault', fault IS NULL);
  PERFORM azure_storage_private.check_argument('account', account IS NULL);
  PERFORM azure_storage_private.check_argument('container', container IS NULL);
  PERFORM azure_storage_private.check_argument('path_pattern', path_pattern IS NULL);
  PERFORM azure_storage_private.check_argument('times', times IS NULL);
  PERFORM azure_storage_private.faults('INJECT', jsonb_build_object('fault', fault, 'account', account,
    'container', container, 'path_pattern', path_pattern, 'times', times));
END
$function$;

CREATE OR REPLACE FUNCTION blobgres.clear() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.faults('CLEAR', '{}');
END
$function$;

-- What has not happened yet, in the order in which it will.
CREATE OR REPLACE FUNCTION blobgres.faults()
RETURNS TABLE (fault text, account text, container text, path_pattern text, times integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  RETURN QUERY SELECT * FROM azure_storage_private.faults('FAULTS', '{}');
END
$function$;

REVOKE ALL ON FUNCTION blobgres.inject, blobgres.clear, blobgres.faults FROM PUBLIC;
GRANT EXECUTE ON FUNCTION blobgres.inject, blobgres.clear, blobgres.faults TO azure_storage_admin;
