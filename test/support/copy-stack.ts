import type { ContainerClient } from '@azure/storage-blob'
import pg from 'pg'
import type { Config } from '../../src/config/config.ts'
import type { Logger } from '../../src/log.ts'
import { createContainer } from './azurite.ts'
import { account } from './blobs.ts'
import { adminQuery, uniqueName } from './database.ts'
import { type PsqlResult, psql } from './psql.ts'
import { azurite, type PostgresServer } from './servers.ts'
import { startStack, type TestStack } from './stack.ts'

/** A stack whose database has the extension and the first account, and a container of its own. */
export interface CopyStack extends TestStack {
  readonly container: ContainerClient
  /** As the superuser, closed by close(). */
  readonly client: pg.Client
  /** The notices that `client` got. */
  readonly notices: string[]
  /** A session of its own, closed by close(); as the superuser unless told otherwise. */
  connect(user?: string, options?: pg.ClientConfig): Promise<pg.Client>
  createRole(prefix: string, options?: string): Promise<string>
  /** A role that may use the account. */
  createStorageUser(prefix: string): Promise<string>
  blobUrl(path: string): string
  put(path: string, contents: string | Buffer): Promise<string>
  get(path: string): Promise<string>
  getBytes(path: string): Promise<Buffer>
  exists(path: string): Promise<boolean>
  script(sql: string): Promise<PsqlResult>
}

export async function startCopyStack(
  server: PostgresServer,
  overrides: Partial<Config> = {},
  log?: Logger,
): Promise<CopyStack> {
  const stack = await startStack(server, overrides, log)
  const container = await createContainer('copy')
  const clients: pg.Client[] = []
  const roles: string[] = []
  const notices: string[] = []
  const blobUrl = (path: string): string =>
    `${azurite.endpointTemplate.replace('{account}', account.name)}/${container.containerName}/${path}`
  const connect = async (user?: string, options: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: stack.url(user), ...options })
    client.on('error', () => {}) // a test may end the session from the other side
    await client.connect()
    clients.push(client)
    return client
  }
  const createRole = async (prefix: string, options = ''): Promise<string> => {
    const role = uniqueName(prefix)
    await adminQuery(server, `CREATE ROLE ${role} LOGIN ${options}`)
    roles.push(role)
    return role
  }
  const client = await connect()
  client.on('notice', notice => notices.push(notice.message ?? ''))
  await client.query('CREATE EXTENSION azure_storage')
  await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
  const getBytes = (path: string): Promise<Buffer> => container.getBlobClient(path).downloadToBuffer()
  return {
    ...stack,
    container,
    client,
    notices,
    connect,
    createRole,
    async createStorageUser(prefix) {
      const role = await createRole(prefix)
      await client.query(`SELECT azure_storage.account_user_add('${account.name}', '${role}')`)
      return role
    },
    blobUrl,
    async put(path, contents) {
      await container.getBlockBlobClient(path).uploadData(Buffer.from(contents))
      return blobUrl(path)
    },
    get: async path => (await getBytes(path)).toString(),
    getBytes,
    exists: path => container.getBlobClient(path).exists(),
    script: sql => psql(stack.url(), sql),
    async close() {
      for (const each of clients) await each.end().catch(() => {})
      await stack.close()
      for (const role of roles) await adminQuery(server, `DROP ROLE IF EXISTS ${role}`)
      await container.delete()
    },
  }
}

/** In that database blob_put() runs as it is, in sessions to come and in the stack's own. */
export async function withoutAcceleration({ client, database }: CopyStack): Promise<void> {
  await client.query(`ALTER DATABASE ${database.name} SET blobgres.accelerate = off; SET blobgres.accelerate = off`)
}

/** The error of a query that must fail. */
export async function errorOf(query: Promise<unknown>): Promise<pg.DatabaseError> {
  return query.then(
    () => {
      throw new Error('the query did not fail')
    },
    error => error,
  )
}
