import pg from 'pg'
import { expect } from 'vitest'
import { readAccess } from '../../src/credentials/access.ts'
import { openSealed } from '../../src/credentials/sealing.ts'
import { createInstaller, installerStatement, readSealingKey } from '../../src/extension/install.ts'
import type { InstallRequest } from '../../src/sql/classify.ts'
import { createDatabase, type TestDatabase, uniqueName } from './database.ts'
import type { TestServer } from './servers.ts'
import { callProxyFrom, startStack, type TestStack } from './stack.ts'

/** A database of its own, the server's superuser in it, and roles that vanish with it. */
export interface ExtensionDatabase extends TestDatabase {
  readonly admin: pg.Client
  /** Makes a role that may log in; `options` as in CREATE ROLE. */
  createRole(prefix: string, options?: string): Promise<string>
  /** A session of that role, closed by drop(). */
  connectAs(role: string): Promise<pg.Client>
  urlOf(role: string): string
}

/** One proxy a server and process: sessions go past it, but account_add() asks it to seal. It ends with the process. */
const stacks = new Map<TestServer, Promise<TestStack>>()

/** Lets the functions in a database reach a proxy. */
export async function provideProxy(server: TestServer, database: string): Promise<void> {
  const stack = stacks.get(server) ?? startStack(server)
  stacks.set(server, stack)
  await callProxyFrom(server, database, ...(await stack).loopbacks)
}

export async function createExtensionDatabase(server: TestServer): Promise<ExtensionDatabase> {
  const database = await createDatabase(server)
  await provideProxy(server, database.name)
  const roles: string[] = []
  const clients: pg.Client[] = []
  const urlOf = (role: string): string => `postgres://${role}@${server.host}:${server.port}/${database.name}`
  const connectAs = async (role: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: urlOf(role) })
    await client.connect()
    clients.push(client)
    return client
  }
  const admin = await connectAs(server.superuser)
  return {
    name: database.name,
    url: database.url,
    admin,
    urlOf,
    connectAs,
    async createRole(prefix, options = '') {
      const role = uniqueName(prefix)
      await admin.query(`CREATE ROLE ${role} LOGIN ${options}`)
      roles.push(role)
      return role
    },
    async drop() {
      for (const role of roles)
        await admin.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE IF EXISTS ${role}`).catch(() => {})
      for (const client of clients) await client.end()
      await database.drop()
    },
  }
}

/** CREATE (or ALTER) EXTENSION as the proxy does it in `client`'s session; resolves to the notices. */
export async function install(
  { admin }: Pick<ExtensionDatabase, 'admin'>,
  client: pg.Client = admin,
  request: InstallRequest = { action: 'create' },
  ownSchema = false,
): Promise<string[]> {
  const installer = await createInstaller(admin, ownSchema)
  const notices: string[] = []
  const onNotice = (notice: { message?: string | undefined }): void => {
    notices.push(notice.message ?? '')
  }
  client.on('notice', onNotice)
  try {
    await client.query(installerStatement(installer.qualifiedName, request))
  } finally {
    client.off('notice', onNotice)
    await installer.drop(admin)
  }
  return notices
}

export const CHALLENGE = '0123456789abcdef0123456789abcdef'

/** The row of copy_open() in a session, read as the proxy does; `told` is what it says, proved or not. */
export async function copyOpen(
  session: pg.Client,
  account: string,
  { container = 'box', statement = '', own = false, challenge = CHALLENGE } = {},
): Promise<{ text: Buffer; proof: string; told: CopyAccess }> {
  const { rows } = await session.query('SELECT * FROM azure_storage_private.copy_open($1, $2, $3, $4, $5)', [
    account,
    container,
    statement,
    own,
    challenge,
  ])
  expect(rows).toHaveLength(1)
  const text = Buffer.from(rows[0].access, 'hex')
  return { text, proof: rows[0].proof, told: JSON.parse(text.toString()) }
}

export interface CopyAccess {
  readonly account: string
  readonly grant: {
    readonly auth_type: string
    readonly sealed: string | null
    readonly passphrase: string | null
  } | null
  readonly pid: number
  readonly database: string
  readonly statement_timeout_ms: number
  readonly block_size_mb: number
}

/** What the proxy of that session would make of it. */
export async function openedCredential(session: pg.Client, account: string): Promise<string | null> {
  const key = await readSealingKey(session)
  const { rows } = await session.query('SELECT pg_backend_pid() AS pid, current_database() AS database')
  const { text, proof } = await copyOpen(session, account)
  const { grant } = readAccess(text, proof, { account, challenge: CHALLENGE, ...rows[0] }, key)
  if (!grant?.sealed) return null
  return openSealed(grant.sealed, { account, authType: grant.authType }, key, grant.passphrase)
}
