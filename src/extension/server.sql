-- Once per server: the roles, and the key that seals credentials. install.ts sends it as one query, hence as one
-- transaction; the lock makes proxies that start together wait for each other.
SET LOCAL search_path = pg_catalog, pg_temp;
LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE;
DO $server$
DECLARE
  role text;
  random text[];
  setting text[];
  key_role pg_authid;
BEGIN
  FOREACH role IN ARRAY ARRAY['azure_storage_admin', 'azure_pg_admin'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role);
    EXECUTE format('CREATE ROLE %I NOLOGIN', role);
  END LOOP;
  -- Whose members, the admins of a server, may pass it on.
  IF NOT pg_has_role('azure_pg_admin', 'azure_storage_admin', 'MEMBER WITH ADMIN OPTION') THEN
    GRANT azure_storage_admin TO azure_pg_admin WITH ADMIN OPTION;
  END IF;

  -- The settings are known in every session, as those of a library that is preloaded. What is set for all roles in all
  -- databases gives way to whatever is set for one of them.
  FOREACH setting SLICE 1 IN ARRAY '@settings@'::text[] LOOP
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_db_role_setting, unnest(setconfig) AS config
      WHERE setdatabase = 0 AND setrole = 0 AND lower(split_part(config, '=', 1)) = setting[1]
    );
    EXECUTE format('ALTER ROLE ALL SET %s = %L', setting[1], setting[2]);
  END LOOP;
  -- ALTER DATABASE and ALTER ROLE ... SET of a setting that no library defines is for those to whom it is granted.
  FOREACH setting SLICE 1 IN ARRAY '@settings@'::text[] LOOP
    CONTINUE WHEN setting[1] = 'azure_storage.blob_block_size_mb'
      OR has_parameter_privilege('azure_storage_admin', setting[1], 'SET');
    EXECUTE format('GRANT SET ON PARAMETER %s TO azure_storage_admin', setting[1]);
  END LOOP;

  -- The key is the SCRAM verifier of a role of its own: pg_authid is the one catalogue that is shared by all databases,
  -- hidden from all but superusers and carried by pg_dumpall. NOLOGIN, so it opens no door. SUPERUSER, because then
  -- nobody but superusers can become a member, or set a password that they know the verifier of.
  SELECT * INTO key_role FROM pg_authid WHERE rolname = 'azure_storage_key';
  IF NOT FOUND THEN
    -- Made here, so that it never travels or gets into a log: three times 256 bits out of three random uuids each.
    SELECT array_agg(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
      || uuid_send(gen_random_uuid())), 'base64')) INTO random FROM generate_series(1, 3);
    EXECUTE format('CREATE ROLE azure_storage_key NOLOGIN SUPERUSER PASSWORD %L',
      format('SCRAM-SHA-256$4096:%s$%s:%s', random[1], random[2], random[3]));
    COMMENT ON ROLE azure_storage_key IS 'Holds the key that seals the credentials of azure_storage, as its password';
  ELSIF NOT key_role.rolsuper THEN
    RAISE EXCEPTION 'role azure_storage_key was not made by this server''s superuser: drop it';
  END IF;
END
$server$;
