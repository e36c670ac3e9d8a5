import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { parseSealingKey, type SealingKey } from '../credentials/sealing.ts'
import type { InstallRequest } from '../sql/classify.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { ENCRYPTION_KEY, SETTINGS } from '../sql/settings.ts'
import { formatVersion, readScript, readScripts } from './scripts.ts'

export interface Installer {
  /** pg_catalog.blobgres_installer_…(action text, caller name, if_not_exists boolean, schema_name text, version text) */
  readonly qualifiedName: string
  drop(admin: Client): Promise<void>
}

export const INSTALLER_PREFIX = 'blobgres_installer_'
export const CREATE_EXTENSION_DENIED = 'Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION'
export const DROP_EXTENSION_DENIED = 'Only members of "azure_pg_admin" are allowed to use DROP EXTENSION'

/** Makes the roles and the sealing key of this server, where they are missing. `admin` is a superuser. */
export async function prepareServer(admin: Client): Promise<void> {
  const settings = SETTINGS.map(({ name, initial }) => `{"${name}","${initial}"}`)
  await admin.query((await readScript('server.sql')).replaceAll('@settings@', `{${settings}}`))
}

export async function readSealingKey(admin: Client): Promise<SealingKey> {
  const { rows } = await admin.query<{ rolpassword: string | null }>(
    "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) 'azure_storage_key'",
  )
  return parseSealingKey(rows[0]?.rolpassword ?? '')
}

/**
 * Creates, in the database of `admin`, the function that lets a client's session run CREATE EXTENSION in its own
 * transaction. It is committed at once, because that session must see it; so drop it right after use. The schema blobgres
 * comes with it where `ownSchema` says so; where it is there, it is kept up to date.
 */
export async function createInstaller(admin: Client, ownSchema = false): Promise<Installer> {
  const qualifiedName = `pg_catalog.${INSTALLER_PREFIX}${Math.floor(Date.now() / 1000)}_${randomBytes(8).toString('hex')}`
  await admin.query(DROP_LEFTOVERS + (await installerText(qualifiedName, ownSchema)))
  return {
    qualifiedName,
    async drop(admin) {
      await admin.query(`DROP FUNCTION IF EXISTS ${qualifiedName}`)
    },
  }
}

async function installerText(qualifiedName: string, ownSchema: boolean): Promise<string> {
  const [template, { migrations, functions, extras, version }] = await Promise.all([
    readScript('installer.sql'),
    readScripts(),
  ])
  const parts: Record<string, string> = {
    name: qualifiedName,
    migrations: migrations
      .map(({ number, text }) => `IF applied < ${number} THEN EXECUTE $script$${text}$script$; END IF;`)
      .join('\n'),
    functions,
    extras,
    own: String(ownSchema),
    number: String(version.number),
    version: formatVersion(version),
  }
  return template.replace(/@([a-z]+)@/g, (_, part: string) => parts[part] as string)
}

/**
 * SQL: whether the role that a backend has let in may create extensions. Not its session_user, which a superuser can
 * change back in the text before; nobody else can change it.
 */
export const mayCreateExtension = (pid: string): string =>
  `(SELECT coalesce(pg_catalog.pg_has_role(a.usesysid, pg_catalog.to_regrole('azure_pg_admin'), 'MEMBER'), false)
    FROM pg_catalog.pg_stat_get_activity(${pid}) AS a)`

/** In a read-only transaction PostgreSQL refuses anybody CREATE and ALTER EXTENSION, whatever the extension: in its own words. */
const unlessReadOnly = (action: InstallRequest['action']): string => `
  IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
    ${action === 'create' ? 'CREATE EXTENSION IF NOT EXISTS plpgsql' : 'ALTER EXTENSION plpgsql UPDATE'};
  END IF;`

/**
 * The statement that takes the place of CREATE or ALTER EXTENSION in the client's session. It says, as PostgreSQL
 * does, "already exists" to anybody, and refuses those who may not create extensions: all, without an installer.
 */
export function installerStatement(qualifiedName: string | undefined, request: InstallRequest): string {
  const text = (value: string | undefined) => (value === undefined ? 'NULL' : quoteLiteral(value))
  const { action, ifNotExists = false, schema, version } = request
  const exists = 'extension "azure_storage" already exists'
  const refusal = action === 'create' ? CREATE_EXTENSION_DENIED : 'must be owner of extension azure_storage'
  const install = `pg_catalog.pg_has_role(current_user, 'azure_pg_admin', 'USAGE') THEN
    PERFORM ${qualifiedName}(${text(action)}, current_user, ${ifNotExists}, target, ${text(version)});
  ELSIF `
  const body = `
DECLARE
  target pg_catalog.text := ${text(schema)};
BEGIN${unlessReadOnly(action)}
  IF target IS NULL AND pg_catalog.to_regnamespace('public') IS NULL THEN target := pg_catalog.current_schema(); END IF;
  IF ${qualifiedName === undefined ? '' : install}${action === 'create'} AND EXISTS (
    SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'azure_storage'
  ) THEN
    RAISE ${ifNotExists ? `NOTICE '${exists}, skipping'` : `EXCEPTION '${exists}'`} USING ERRCODE = 'duplicate_object';
  ELSE
    RAISE EXCEPTION '${refusal}' USING ERRCODE = 'insufficient_privilege';
  END IF;
END`
  return `DO ${quoteLiteral(body)}`
}

/** Fails as a call of create_extension() does for those who may not. */
export const CREATE_EXTENSION_REFUSAL = `DO ${quoteLiteral(
  `BEGIN${unlessReadOnly('create')} RAISE EXCEPTION '${CREATE_EXTENSION_DENIED}' USING ERRCODE = 'insufficient_privilege'; END`,
)}`

/** SET of the passphrase, sealed, by those to whom it is granted. */
export function setPassphrase(sealed: string, isLocal: boolean): string {
  const body = `
BEGIN
  IF NOT pg_catalog.has_parameter_privilege(current_user, '${ENCRYPTION_KEY}', 'SET') THEN
    RAISE EXCEPTION 'permission denied to set parameter "${ENCRYPTION_KEY}"' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM pg_catalog.set_config('${ENCRYPTION_KEY}', ${quoteLiteral(sealed)}, ${isLocal});
END`
  return `DO ${quoteLiteral(body)}`
}

/** What a crashed proxy left behind; a young one may still be in use. The lock is for proxies that clean up together. */
const DROP_LEFTOVERS = `
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT pg_advisory_xact_lock(7021945316);
DO $leftovers$
DECLARE
  leftover regprocedure;
BEGIN
  FOR leftover IN
    SELECT oid FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace
      AND substring(proname FROM '^blobgres_installer_([0-9]+)_[0-9a-f]+$')::bigint
        < extract(epoch FROM clock_timestamp() - interval '5 minutes')
  LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS %s', leftover);
  END LOOP;
END
$leftovers$;
`
