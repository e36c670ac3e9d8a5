-- Once per server: the roles, and the key that seals credentials. One transaction; safe when many proxies start at once.
BEGIN;
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;
DO $server$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['azure_storage_admin', 'azure_pg_admin'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role);
    EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role);
  END LOOP;

  IF NOT pg_catalog.pg_has_role('azure_pg_admin', 'azure_storage_admin', 'MEMBER') THEN
    GRANT azure_storage_admin TO azure_pg_admin;
  END IF;

  -- The key is the SCRAM verifier of a role that cannot log in: pg_authid is the one catalogue that is shared by all
  -- databases, superuser-only and carried by pg_dumpall. Made here, so that it never travels or gets into a log.
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_authid WHERE rolname = 'azure_storage_admin' AND rolpassword LIKE 'SCRAM-SHA-256$%'
  ) THEN
    EXECUTE pg_catalog.format('ALTER ROLE azure_storage_admin PASSWORD %L', (
      SELECT pg_catalog.format('SCRAM-SHA-256$4096:%s$%s:%s', random[1], random[2], random[3])
      FROM (
        SELECT pg_catalog.array_agg(pg_catalog.encode(pg_catalog.sha256(
          pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
          || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())), 'base64'))
        FROM pg_catalog.generate_series(1, 3)
      ) AS made (random)
    ));
  END IF;
END
$server$;
COMMIT;
