-- A short-lived function: a client's session calls it inside its own transaction to become CREATE or ALTER EXTENSION.
-- It runs as the proxy's superuser, as PostgreSQL runs the script of a trusted extension. install.ts fills in @...@.
CREATE FUNCTION @name@(action text, caller name, if_not_exists boolean, schema_name text, version text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
-- Of the caller's settings, those that what is made here would depend on.
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET check_function_bodies = on
SET row_security = off SET default_tablespace = '' SET default_table_access_method = heap SET plpgsql.extra_errors = none
AS $installer$
DECLARE
  installed oid;
  namespace oid;
  member text;
  applied integer := 0; -- the last migration that this database has had
  unchanged tid[];
  remains boolean;
  has_own_schema boolean;
BEGIN
  IF NOT pg_has_role(session_user, caller, 'MEMBER') THEN
    RAISE EXCEPTION 'permission denied to set role "%"', caller USING ERRCODE = 'insufficient_privilege';
  END IF;

  -- In a read-only transaction PostgreSQL refuses CREATE and ALTER EXTENSION, whatever the extension: in its own words.
  IF current_setting('transaction_read_only')::boolean THEN
    IF action = 'update' THEN
      ALTER EXTENSION plpgsql UPDATE;
    ELSE
      CREATE EXTENSION IF NOT EXISTS plpgsql;
    END IF;
  END IF;

  -- One installation in a database at a time; the next one sees its result.
  LOCK TABLE pg_extension IN SHARE ROW EXCLUSIVE MODE;
  SELECT oid INTO installed FROM pg_extension WHERE extname = 'azure_storage';

  IF action = 'create' THEN
    IF installed IS NOT NULL AND if_not_exists THEN
      RAISE NOTICE 'extension "azure_storage" already exists, skipping' USING ERRCODE = 'duplicate_object';
      RETURN;
    ELSIF installed IS NOT NULL THEN
      RAISE EXCEPTION 'extension "azure_storage" already exists' USING ERRCODE = 'duplicate_object';
    ELSIF version <> '1.9' THEN
      RAISE EXCEPTION 'extension "azure_storage" has no installation script nor update path for version "%"', version
        USING ERRCODE = 'invalid_parameter_value';
    END IF;

    schema_name := coalesce(schema_name, 'public');
    SELECT oid INTO namespace FROM pg_namespace WHERE nspname = schema_name;
    IF schema_name IN ('azure_storage', 'azure_storage_private') THEN
      RAISE EXCEPTION 'extension "azure_storage" cannot be installed in schema "%"', schema_name
        USING ERRCODE = 'feature_not_supported', DETAIL = 'The extension makes that schema itself.';
    ELSIF namespace IS NULL THEN
      RAISE EXCEPTION 'schema "%" does not exist', schema_name USING ERRCODE = 'invalid_schema_name';
    END IF;

    installed := pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index');
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (installed, 'azure_storage', 'azure_pg_admin'::regrole, namespace, false, '1.9');

    -- PostgreSQL records no dependency on what initdb made (oids below 12000), except on schema public.
    INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    SELECT 'pg_extension'::regclass, installed, 0, 'pg_namespace'::regclass, namespace, 0, 'n'
    WHERE namespace >= 12000 OR schema_name = 'public';

    COMMENT ON EXTENSION azure_storage IS 'Azure Storage integration for PostgreSQL';
  ELSIF action = 'update' THEN
    IF installed IS NULL THEN
      RAISE EXCEPTION 'extension "azure_storage" does not exist' USING ERRCODE = 'undefined_object';
    ELSIF version <> '1.9' THEN
      RAISE EXCEPTION 'extension "azure_storage" has no update path from version "1.9" to version "%"', version
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    applied := coalesce(substring(obj_description('azure_storage_private'::regnamespace, 'pg_namespace')
      FROM '^blobgres schema ([0-9]{1,9}),')::integer, 1);
    IF applied > @number@ THEN
      RAISE EXCEPTION 'extension "azure_storage" is of a newer Blobgres than this one'
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Update the proxy.';
    END IF;
    RAISE NOTICE 'version "1.9" of extension "azure_storage" is already installed';
  ELSE
    RAISE EXCEPTION 'unknown action "%"', action USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- All members of azure_pg_admin own it, whoever created it: so PostgreSQL itself lets them drop it and comment on it.
  UPDATE pg_extension SET extowner = 'azure_pg_admin'::regrole
  WHERE oid = installed AND extowner <> 'azure_pg_admin'::regrole;
  DELETE FROM pg_shdepend AS d USING pg_database AS b
  WHERE b.datname = current_database() AND d.dbid = b.oid AND classid = 'pg_extension'::regclass AND objid = installed
    AND deptype = 'o';
  INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
  SELECT oid, 'pg_extension'::regclass, installed, 0, 'pg_authid'::regclass, 'azure_pg_admin'::regrole, 'o'
  FROM pg_database WHERE datname = current_database();

  -- What is not for users is dropped before it is made anew: so it may have another shape, or not be needed any more.
  -- But the transition function of an aggregate stays, and whatever somebody's view depends on nevertheless.
  IF action = 'update' THEN
    remains := true;
    WHILE remains LOOP -- views of views
      remains := false;
      FOR member IN
        SELECT CASE WHEN classid = 'pg_proc'::regclass THEN 'ROUTINE ' || objid::regprocedure ELSE 'VIEW ' || objid::regclass END
        FROM pg_depend LEFT JOIN pg_proc AS p ON classid = 'pg_proc'::regclass AND p.oid = objid
          LEFT JOIN pg_class AS c ON classid = 'pg_class'::regclass AND c.oid = objid AND relkind = 'v'
        WHERE refclassid = 'pg_extension'::regclass AND refobjid = installed AND deptype = 'e'
          AND 'azure_storage_private'::regnamespace IN (pronamespace, relnamespace)
        ORDER BY classid, objid DESC
      LOOP
        BEGIN
          EXECUTE 'ALTER EXTENSION azure_storage DROP ' || member;
          EXECUTE 'DROP ' || member;
          remains := true;
        EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
        END;
      END LOOP;
    END LOOP;
    unchanged := ARRAY(SELECT ctid FROM pg_proc WHERE pronamespace = 'azure_storage_private'::regnamespace);
  END IF;

  @migrations@

  EXECUTE $script$@functions@$script$;

  -- What somebody else has made under that name stays theirs.
  has_own_schema := EXISTS (
    SELECT FROM pg_depend
    WHERE classid = 'pg_namespace'::regclass AND objid = to_regnamespace('blobgres')
      AND refclassid = 'pg_extension'::regclass AND refobjid = installed AND deptype = 'e'
  );
  IF @own@ AND to_regnamespace('blobgres') IS NULL THEN
    CREATE SCHEMA blobgres;
    has_own_schema := true;
  END IF;
  IF has_own_schema THEN
    EXECUTE $script$@extras@$script$;
  ELSIF @own@ THEN
    RAISE NOTICE 'schema "blobgres" is not made, because there is another of that name' USING ERRCODE = 'duplicate_schema';
  END IF;

  -- A kept function that the scripts have not replaced is not needed any more, but perhaps by that view.
  FOR member IN
    SELECT 'ROUTINE ' || p.oid::regprocedure FROM pg_proc AS p JOIN pg_depend AS d ON d.objid = p.oid
    WHERE p.ctid = ANY (unchanged) AND pronamespace = 'azure_storage_private'::regnamespace
      AND d.classid = 'pg_proc'::regclass AND refclassid = 'pg_extension'::regclass AND refobjid = installed
  LOOP
    BEGIN
      EXECUTE 'ALTER EXTENSION azure_storage DROP ' || member;
      EXECUTE 'DROP ' || member;
    EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
    END;
  END LOOP;

  FOR member IN
    WITH namespaces AS (
      SELECT oid, nspname FROM pg_namespace
      WHERE nspname IN ('azure_storage', 'azure_storage_private') OR has_own_schema AND nspname = 'blobgres'
    ), objects (classid, objid, identity) AS (
      SELECT 'pg_namespace'::regclass, oid, format('SCHEMA %I', nspname) FROM namespaces
      UNION ALL
      SELECT 'pg_type'::regclass, t.oid, 'TYPE ' || t.oid::regtype
      FROM pg_type AS t JOIN namespaces AS n ON n.oid = t.typnamespace WHERE t.typtype = 'e'
      UNION ALL
      SELECT 'pg_class'::regclass, c.oid, CASE c.relkind WHEN 'v' THEN 'VIEW ' ELSE 'TABLE ' END || c.oid::regclass
      FROM pg_class AS c JOIN namespaces AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v')
      UNION ALL
      SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE ' || p.oid::regprocedure
      FROM pg_proc AS p JOIN namespaces AS n ON n.oid = p.pronamespace
    )
    SELECT identity FROM objects AS o
    WHERE NOT EXISTS (
      SELECT FROM pg_depend AS d
      WHERE d.classid = o.classid AND d.objid = o.objid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    )
  LOOP
    EXECUTE 'ALTER EXTENSION azure_storage ADD ' || member;
  END LOOP;
  COMMENT ON SCHEMA azure_storage_private IS '@version@';
END
$installer$;
REVOKE ALL ON FUNCTION @name@ FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @name@ TO azure_pg_admin;
