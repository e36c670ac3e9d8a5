-- Migrations make what exists once per database and holds data: schemas, types, tables. Each runs once, in the order of
-- their numbers: all of them at CREATE EXTENSION, at an update those that a database has not had. A new version of what is
-- here is a further file; this one stays as it is. See ../scripts.ts for what does not need one.
--
-- In all scripts: ASCII only, for databases in any encoding, and no backslash in a string, since functions are parsed
-- under the caller's standard_conforming_strings.

-- No IF NOT EXISTS: a schema that somebody made before must not become part of the extension.
CREATE SCHEMA azure_storage;
CREATE SCHEMA azure_storage_private;
GRANT USAGE ON SCHEMA azure_storage, azure_storage_private TO PUBLIC;

CREATE TYPE azure_storage.auth_type AS ENUM ('access-key', 'managed-identity');
CREATE TYPE azure_storage.storage_type AS ENUM ('blob');

CREATE TABLE azure_storage.accounts (
  account_name text PRIMARY KEY,
  auth_type azure_storage.auth_type NOT NULL,
  azure_storage_type azure_storage.storage_type NOT NULL,
  sealed_credentials text CHECK ((auth_type = 'access-key') = (sealed_credentials IS NOT NULL))
);

-- regrole in a column makes no dependency, so DROP ROLE is never blocked; readers join pg_roles. A table of its
-- own, because then pg_dump can leave the dropped roles' rows out (an oid means somebody else on another server).
CREATE TABLE azure_storage_private.account_users (
  account_name text NOT NULL REFERENCES azure_storage.accounts ON DELETE CASCADE,
  allowed_user regrole NOT NULL,
  PRIMARY KEY (account_name, allowed_user)
);

-- What a dump and its restore need; the credentials in it are sealed.
GRANT SELECT, INSERT ON azure_storage.accounts, azure_storage_private.account_users TO azure_storage_admin;

UPDATE pg_catalog.pg_extension
SET extconfig = ARRAY['azure_storage.accounts'::regclass, 'azure_storage_private.account_users'::regclass]::oid[],
    extcondition = ARRAY['', 'WHERE allowed_user IN (SELECT oid FROM pg_catalog.pg_roles)']
WHERE extname = 'azure_storage';
