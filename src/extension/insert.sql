-- INSERT ... SELECT from blob_get() as COPY: what the proxy asks in the client's own session, with the client's own rights,
-- to find out whether the rows would be the same. Whatever fails here or there, the INSERT itself runs then.

-- Called with the arguments of blob_get as they stand in the statement, so that they are taken as blob_get takes them.
CREATE OR REPLACE FUNCTION azure_storage_private.get_arguments(
  account_name text, container_name text, path text, decoder text DEFAULT 'auto', compression text DEFAULT 'auto',
  options jsonb DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT jsonb_build_object('account', account_name, 'container', container_name, 'path', path, 'decoder', decoder,
    'compression', compression, 'options', options)
$function$;

-- A generated column of the row type is none of the blob's.
CREATE OR REPLACE FUNCTION azure_storage_private.get_arguments(
  account_name text, container_name text, path text, rec anyelement, decoder text DEFAULT 'auto',
  compression text DEFAULT 'auto', options jsonb DEFAULT NULL
) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT azure_storage_private.get_arguments(account_name, container_name, path, decoder, compression, options)
  WHERE NOT azure_storage_private.columns_of_type(pg_typeof(rec)) @> '[{"generated": true}]'
$function$;

-- The table and those that rows of it may go to, without the locks that pg_partition_tree() takes.
CREATE OR REPLACE FUNCTION azure_storage_private.partitions(root regclass) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH RECURSIVE tree (oid) AS (
    SELECT root::oid
    UNION ALL
    SELECT i.inhrelid FROM tree JOIN pg_class AS c ON c.oid = tree.oid AND c.relkind = 'p'
    JOIN pg_inherits AS i ON i.inhparent = c.oid
  )
  SELECT oid FROM tree
$function$;

-- Whether somebody's SQL or PL/pgSQL runs for a row, other than a trigger's, or may in the checks of a domain: it could
-- find out who calls, or look at the table, to which INSERT and COPY bring their rows at different times. What PostgreSQL
-- has itself is no dependency.
CREATE OR REPLACE FUNCTION azure_storage_private.runs_code(tables oid[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH part (classid, objid) AS (
    SELECT 'pg_class'::regclass, t FROM unnest(tables) AS t
    UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ANY (tables)
    UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY (tables)
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY (tables)
  ), used (oid) AS (
    SELECT CASE d.refclassid
        WHEN 'pg_proc'::regclass THEN d.refobjid
        WHEN 'pg_operator'::regclass THEN (SELECT oprcode FROM pg_operator WHERE oid = d.refobjid) END
    FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
    UNION ALL
    SELECT p.amproc FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
    JOIN pg_opclass AS o ON d.refclassid = 'pg_opclass'::regclass AND o.oid = d.refobjid
    JOIN pg_amproc AS p ON p.amprocfamily = o.opcfamily
    UNION ALL
    SELECT b.oprcode FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
    JOIN pg_opclass AS o ON d.refclassid = 'pg_opclass'::regclass AND o.oid = d.refobjid
    JOIN pg_amop AS a ON a.amopfamily = o.opcfamily JOIN pg_operator AS b ON b.oid = a.amopopr
  )
  SELECT EXISTS (
      SELECT FROM used JOIN pg_proc AS p ON p.oid = used.oid JOIN pg_language AS l ON l.oid = p.prolang
      WHERE l.lanname NOT IN ('internal', 'c'))
    OR EXISTS (
      SELECT FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
      JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
      WHERE t.typtype = 'd')
    OR EXISTS (
      SELECT FROM (
        SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = ANY (tables)
        UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ANY (tables)
      ) AS t (expression)
      WHERE expression ~ 'current_query|_to_xml|pg_stat_get')
$function$;

-- A type whose values COPY reads as blob_get does, and that runs nobody's code.
CREATE OR REPLACE FUNCTION azure_storage_private.is_plain_type(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT t.typtype IN ('b', 'e') AND coalesce(e.typtype IN ('b', 'e'), true) OR t.typtype IN ('r', 'm') AND t.oid < 16384
  FROM pg_type AS t LEFT JOIN pg_type AS e ON e.oid = t.typelem
  WHERE t.oid = type
$function$;

-- The table of an INSERT, as far as COPY does the same to it: NULL where there is more to say of it. In hexadecimal of
-- UTF-8, for the client's encoding need not have all characters of its names.
--   listed   COPY takes a value for the column as INSERT does
--   omitted  it makes up the same where there is none, and nothing is left of that where it fails: what a sequence has
--            given shows in the error of the INSERT that runs then
CREATE OR REPLACE FUNCTION azure_storage_private.insert_target(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  tables CONSTANT oid[] := ARRAY(SELECT azure_storage_private.partitions(relation));
  columns jsonb;
BEGIN
  IF relation IS NULL OR row_security_active(relation)
    OR EXISTS (SELECT FROM pg_class WHERE oid = relation AND relnamespace = 'pg_catalog'::regnamespace)
    OR EXISTS (SELECT FROM pg_class WHERE oid = ANY (tables) AND (relkind NOT IN ('r', 'p') OR relhasrules))
    -- 4: for INSERT. Those of foreign keys are internal.
    OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY (tables) AND NOT tgisinternal AND tgtype & 4 <> 0)
    OR azure_storage_private.runs_code(tables) THEN
    RETURN NULL;
  END IF;
  SELECT jsonb_agg(jsonb_build_object('name', attname, 'oid', atttypid::bigint, 'typmod', atttypmod,
      'listed', azure_storage_private.is_plain_type(atttypid) AND attidentity <> 'a' AND attgenerated = '',
      'omitted', attidentity = '' AND coalesce(pg_get_expr(d.adbin, d.adrelid) !~ '(next|set)val', true)) ORDER BY attnum)
  INTO columns
  FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped;
  RETURN encode(convert_to(jsonb_build_object('columns', columns, 'relation', (
      SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.oid = relation))::text, 'UTF8'), 'hex');
END
$function$;

-- The same of a table that is to be made for the columns: nothing of its name may be in the way of what it will mean.
CREATE OR REPLACE FUNCTION azure_storage_private.new_target(relation regclass, columns jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT encode('{"relation": null, "columns": []}', 'hex')
  WHERE relation IS NULL AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')
    AND (SELECT bool_and(azure_storage_private.is_plain_type((c ->> 'oid')::oid)) FROM jsonb_array_elements(columns) AS c)
$function$;

-- What the proxy needs to know of the statement: the table, and the blob, each in hexadecimal; NULL where it is to run as it
-- is. `name` is blob_get's as it is written, `path` where it is looked for; `columns` are those of the
-- result, {name, oid}.
CREATE OR REPLACE FUNCTION azure_storage_private.insert_plan(
  relation regclass, is_new boolean, name text, path name[], arguments jsonb, columns jsonb
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  parquet CONSTANT boolean := azure_storage_private.is_parquet(arguments ->> 'path', arguments ->> 'decoder');
BEGIN
  IF NOT azure_storage_private.accelerates()
    -- A pattern, where extras are on; and what blob_get itself has to say of a missing argument.
    OR (arguments ->> 'path' !~ '[*?[]') IS NOT TRUE
    OR NOT azure_storage_private.are_own_functions(ARRAY[name], path) THEN
    RETURN NULL;
  END IF;
  IF parquet THEN
    SELECT jsonb_agg(c || '{"typmod": -1}' ORDER BY n) INTO columns
    FROM jsonb_array_elements(columns) WITH ORDINALITY AS column_ (c, n);
    columns := azure_storage_private.with_shapes(columns);
  END IF;
  RETURN CASE WHEN is_new THEN azure_storage_private.new_target(relation, columns)
      ELSE azure_storage_private.insert_target(relation) END || ' '
    || encode(convert_to((arguments || jsonb_build_object('columns', columns))::text, 'UTF8'), 'hex');
END
$function$;

-- Before the COPY, in its transaction: takes the lock that INSERT takes, and looks again; a table that is new needs neither.
-- Then as copy_open().
CREATE OR REPLACE FUNCTION azure_storage_private.insert_open(
  relation regclass, target text, account text, container text, challenge text
) RETURNS TABLE (access text, proof text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF relation IS NOT NULL THEN
    EXECUTE format('LOCK TABLE ONLY %s IN ROW EXCLUSIVE MODE', relation);
    IF azure_storage_private.insert_target(relation) IS DISTINCT FROM target THEN
      RAISE EXCEPTION 'azure_storage: the table has changed' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
  END IF;
  RETURN QUERY SELECT a.access, a.proof
    FROM azure_storage_private.caller AS c,
      azure_storage_private.copy_access(c, account, container, false, challenge) AS a;
END
$function$;
