import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { PostgresServer } from './servers.ts'

export interface TestDatabase {
  readonly name: string
  /** Straight to the server, as its superuser. */
  readonly url: string
  drop(): Promise<void>
}

/** A name that no other test uses: `<prefix>_<random>`. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`
}

/** Runs statements as superuser straight on the server, in its database `postgres` unless told otherwise. */
export async function adminQuery(server: PostgresServer, sql: string, database = 'postgres'): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: server.host, port: server.port, user: server.superuser, database })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

/** A new, empty database. */
export async function createDatabase(server: PostgresServer): Promise<TestDatabase> {
  const name = uniqueName('test')
  await adminQuery(server, `CREATE DATABASE ${name}`)
  return {
    name,
    url: `postgres://${server.superuser}@${server.host}:${server.port}/${name}`,
    drop: async () => {
      await adminQuery(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

/** A new, empty database with a session in it, straight to the server, as its superuser. */
export interface DatabaseSession {
  readonly client: pg.Client
  /** Ends the session and drops the database. */
  close(): Promise<void>
}

export async function createDatabaseSession(server: PostgresServer): Promise<DatabaseSession> {
  const database = await createDatabase(server)
  const client = new pg.Client(database.url)
  await client.connect()
  return {
    client,
    async close() {
      await client.end()
      await database.drop()
    },
  }
}

export interface TestUser {
  readonly name: string
  readonly password: string
  drop(): Promise<void>
}

/** A role that logs in by `auth`; roles belong to the whole server, so the name is unique and the test drops it. */
export async function createUser(
  server: PostgresServer,
  auth: 'scram' | 'md5' | 'password' | 'trust',
): Promise<TestUser> {
  const name = uniqueName(auth)
  const password = randomBytes(9).toString('base64url')
  const group = auth === 'trust' ? '' : `IN ROLE ${auth}_users`
  const encryption = auth === 'md5' ? 'md5' : 'scram-sha-256'
  await adminQuery(
    server,
    `SET password_encryption = '${encryption}'; CREATE ROLE ${name} LOGIN PASSWORD '${password}' ${group}`,
  )
  return {
    name,
    password,
    drop: async () => {
      await adminQuery(server, `DROP ROLE IF EXISTS ${name}`)
    },
  }
}
