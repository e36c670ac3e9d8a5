-- Accounts: their management (azure_storage_admin only, by EXECUTE privilege) and who may use them.

-- Who calls, for the functions that are SECURITY DEFINER. current_user in a view is the invoker, while the view reads the
-- key with its owner's rights: so this shows the caller, through SET ROLE and SECURITY DEFINER chains, and proves it, for
-- one statement of one backend.
CREATE OR REPLACE VIEW azure_storage_private.caller WITH (security_barrier) AS
SELECT r.oid AS role, azure_storage_private.mac(k.mac_key, 'blobgres/2 caller', pg_backend_pid()::text,
    azure_storage_private.statement_microseconds(), current_database()::text, r.oid::text) AS proof
FROM pg_roles AS r LEFT JOIN azure_storage_private.sealing_key AS k ON true
WHERE r.rolname = current_user;
GRANT SELECT ON azure_storage_private.caller TO PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.is_registered(name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT EXISTS (SELECT FROM azure_storage.accounts WHERE account_name = name)
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.is_registered FROM PUBLIC;

-- Superusers are members of all roles.
CREATE OR REPLACE FUNCTION azure_storage_private.may_use(role oid, account text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT coalesce(pg_has_role(role, 'azure_storage_admin', 'MEMBER'), false)
    OR EXISTS (
      SELECT FROM azure_storage_private.account_users AS u
      JOIN pg_roles AS r ON r.oid = u.allowed_user
      WHERE u.account_name = account AND pg_has_role(role, r.oid, 'MEMBER')
    )
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.may_use FROM PUBLIC;

-- How the caller may reach an account now: {auth_type, sealed, passphrase}, or JSON's null for anonymously, as with a
-- credential of its own. Throws where it may not. All that reaches a storage goes through here.
CREATE OR REPLACE FUNCTION azure_storage_private.access(
  caller azure_storage_private.caller, account text, container text, own_credentials boolean
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  registered azure_storage.accounts;
BEGIN
  IF (caller.proof = azure_storage_private.proof('blobgres/2 caller', pg_backend_pid()::text,
      azure_storage_private.statement_microseconds(), current_database()::text, caller.role::text)) IS NOT TRUE THEN
    RAISE EXCEPTION 'azure_storage: the caller has not proved that it may use storage account %', account
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT azure_storage_private.setting_on('allow_network_access') THEN
    RAISE EXCEPTION 'azure_storage: network access is disabled' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM azure_storage_private.check_account_name(account);
  PERFORM azure_storage_private.check_container_name(container);
  IF own_credentials THEN RETURN 'null'; END IF;

  SELECT * INTO registered FROM azure_storage.accounts WHERE account_name = account;
  IF NOT FOUND THEN
    IF azure_storage_private.setting_on('public_account_access') THEN RETURN 'null'; END IF;
    RAISE EXCEPTION 'azure_storage: missing storage credentials'
      USING ERRCODE = 'invalid_authorization_specification',
        HINT = $hint$Use SELECT azure_storage.account_add('<account name>', '<access key>')$hint$;
  ELSIF NOT azure_storage_private.may_use(caller.role, account) THEN
    RAISE EXCEPTION 'azure_storage: current user % is not allowed to use storage account %',
      pg_get_userbyid(caller.role), account USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN jsonb_build_object('auth_type', registered.auth_type, 'sealed', registered.sealed_credentials,
    'passphrase', CASE WHEN starts_with(registered.sealed_credentials, 'p1:') THEN azure_storage_private.passphrase() END);
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.access FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.register(
  name text, auth azure_storage.auth_type, storage azure_storage.storage_type, credentials text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_account_name(name);
  INSERT INTO azure_storage.accounts
  VALUES (name, auth, storage, CASE WHEN credentials IS NOT NULL THEN azure_storage_private.seal(name, auth, credentials) END)
  ON CONFLICT (account_name) DO UPDATE SET
    auth_type = excluded.auth_type,
    azure_storage_type = excluded.azure_storage_type,
    sealed_credentials = excluded.sealed_credentials;
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.register FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage_private.check_registered(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF azure_storage_private.is_registered(name) THEN RETURN; END IF;
  RAISE EXCEPTION 'azure_storage: storage account % is not registered', coalesce(name, 'NULL')
    USING ERRCODE = 'undefined_object';
END
$function$;
REVOKE ALL ON FUNCTION azure_storage_private.check_registered FROM PUBLIC;

CREATE OR REPLACE FUNCTION azure_storage.account_add(account_name_p text, account_key_p text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF account_key_p IS NULL THEN
    RAISE EXCEPTION 'account_key_p argument is required' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM azure_storage_private.register(account_name_p, 'access-key', 'blob', account_key_p);
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_add(account_config jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  allowed CONSTANT jsonb := jsonb_build_object(
    'name', null,
    'auth_type', enum_range(null::azure_storage.auth_type),
    'type', enum_range(null::azure_storage.storage_type),
    'storage_type', enum_range(null::azure_storage.storage_type),
    'credentials', null);
  field record;
  config jsonb;
BEGIN
  IF jsonb_typeof(account_config) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'azure_storage: account configuration must be a JSON object'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- The value itself stays out of the messages: it may be a key that got into the wrong place.
  FOR field IN SELECT key, value, allowed -> key AS choices FROM jsonb_each(account_config) LOOP
    IF NOT allowed ? field.key THEN
      RAISE EXCEPTION 'azure_storage: unknown account configuration key: "%"', field.key
        USING ERRCODE = 'invalid_parameter_value';
    ELSIF jsonb_typeof(field.value) NOT IN ('string', 'null')
      OR jsonb_typeof(field.choices) = 'array' AND NOT field.choices @> field.value AND field.value <> 'null' THEN
      RAISE EXCEPTION 'azure_storage: invalid value of account configuration key "%"', field.key
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END LOOP;
  config := jsonb_strip_nulls(account_config);
  config := jsonb_build_object('auth_type',
    CASE WHEN config ? 'credentials' THEN 'access-key' ELSE 'managed-identity' END) || config;
  IF (config ->> 'auth_type' = 'access-key') <> (config ? 'credentials') THEN
    RAISE EXCEPTION 'azure_storage: account configuration key "credentials" % auth_type "%"',
      CASE WHEN config ? 'credentials' THEN 'does not go with' ELSE 'is required by' END, config ->> 'auth_type'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM azure_storage_private.register(config ->> 'name', (config ->> 'auth_type')::azure_storage.auth_type,
    coalesce(config ->> 'type', config ->> 'storage_type', 'blob')::azure_storage.storage_type,
    config ->> 'credentials');
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_remove(account_name_p text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_registered(account_name_p);
  DELETE FROM azure_storage.accounts WHERE account_name = account_name_p;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_user_add(account_name_p text, user_p regrole) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_registered(account_name_p);
  -- regrole takes any number for an oid.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE oid = user_p) THEN
    RAISE EXCEPTION 'role "%" does not exist', user_p USING ERRCODE = 'undefined_object';
  END IF;
  INSERT INTO azure_storage_private.account_users VALUES (account_name_p, user_p) ON CONFLICT DO NOTHING;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_user_remove(account_name_p text, user_p regrole) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM azure_storage_private.check_registered(account_name_p);
  DELETE FROM azure_storage_private.account_users WHERE account_name = account_name_p AND allowed_user = user_p;
END
$function$;

CREATE OR REPLACE FUNCTION azure_storage.account_list()
RETURNS TABLE (
  account_name text,
  auth_type azure_storage.auth_type,
  azure_storage_type azure_storage.storage_type,
  allowed_users regrole[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
  SELECT a.account_name, a.auth_type, a.azure_storage_type,
    ARRAY(
      SELECT r.oid::regrole FROM azure_storage_private.account_users AS u JOIN pg_roles AS r ON r.oid = u.allowed_user
      WHERE u.account_name = a.account_name ORDER BY r.rolname
    )
  FROM azure_storage.accounts AS a
  ORDER BY a.account_name
$function$;

-- All are sealed from the start; this adds the database's passphrase to those that are sealed without one.
CREATE OR REPLACE FUNCTION azure_storage.account_encrypt_existing_credentials() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  encrypted bigint := 0;
BEGIN
  IF azure_storage_private.passphrase() <> '' THEN
    UPDATE azure_storage.accounts AS a
    SET sealed_credentials = azure_storage_private.seal(a.account_name, a.auth_type, NULL, a.sealed_credentials)
    WHERE starts_with(a.sealed_credentials, 's1:');
    GET DIAGNOSTICS encrypted = ROW_COUNT;
  END IF;
  RETURN encrypted;
END
$function$;

REVOKE ALL ON FUNCTION azure_storage.account_add(text, text), azure_storage.account_add(jsonb),
  azure_storage.account_remove, azure_storage.account_user_add, azure_storage.account_user_remove,
  azure_storage.account_list, azure_storage.account_encrypt_existing_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION azure_storage.account_add(text, text), azure_storage.account_add(jsonb),
  azure_storage.account_remove, azure_storage.account_user_add, azure_storage.account_user_remove,
  azure_storage.account_list, azure_storage.account_encrypt_existing_credentials TO azure_storage_admin;
