import pg from 'pg'
import { afterAll } from 'vitest'
import { createInstaller, type InstallRequest, installerStatement } from '../../src/extension/install.ts'
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

/** One proxy a server and test file: sessions go past it, but account_add() asks it to seal. */
const stacks = new Map<TestServer, Promise<TestStack>>()
afterAll(async () => {
  for (const stack of stacks.values()) await (await stack).close()
})

/** Lets the functions in a database reach a proxy. */
export async function provideProxy(server: TestServer, database: string): Promise<void> {
  const stack = stacks.get(server) ?? startStack(server)
  stacks.set(server, stack)
  await callProxyFrom(server, database, (await stack).proxy)
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
): Promise<string[]> {
  const installer = await createInstaller(admin)
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
