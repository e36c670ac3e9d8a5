import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { errorOf } from '../support/copy-stack.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { azurite } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

const READ_ONLY = 'SET default_transaction_read_only = on'

describe.each([15, 18] as const)('A server that is read-only by default, PostgreSQL %i', version => {
  let server: OwnServer
  let container: Awaited<ReturnType<typeof createContainer>>
  beforeAll(async () => {
    server = await startOwnServer(version)
    container = await createContainer('readonly')
  })
  afterAll(async () => {
    await server.stop()
    await container.delete()
  })

  async function connect(options: pg.ClientConfig): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', ...options })
    await client.connect()
    return client
  }

  async function asAdmin(...statements: readonly string[]): Promise<void> {
    const admin = await connect({ database: 'postgres', options: '-c default_transaction_read_only=off' })
    for (const sql of statements) await admin.query(sql)
    await admin.end()
  }

  describe.each([
    ['all of it', `ALTER SYSTEM ${READ_ONLY}`, 'ALTER SYSTEM RESET ALL'],
    ['its database', `ALTER DATABASE d ${READ_ONLY}`, 'SELECT'],
    ["the proxy's role", `ALTER ROLE postgres ${READ_ONLY}`, 'ALTER ROLE postgres RESET ALL'],
  ])('%s', (_, set, reset) => {
    let proxy: RunningProxy
    let session: pg.Client
    beforeAll(async () => {
      await asAdmin('CREATE DATABASE d', set)
      await server.restart()
      proxy = await startProxy(testConfig(server), createLogger('silent'))
      session = await connect({ port: proxy.address.port, database: 'd' })
    })
    afterAll(async () => {
      await session.end()
      await proxy.close(0)
      await asAdmin(reset, 'DROP DATABASE d')
    })
    const args = (): string => `'${account.name}', '${container.containerName}'`
    const url = (path: string): string =>
      `${azurite.endpointTemplate.replace('{account}', account.name)}/${container.containerName}/${path}`

    test('a session like that can make nothing', async () => {
      expect((await session.query('SHOW transaction_read_only')).rows).toEqual([{ transaction_read_only: 'on' }])
      expect(await errorOf(session.query('CREATE EXTENSION azure_storage'))).toMatchObject({
        code: '25006',
        message: 'cannot execute CREATE EXTENSION in a read-only transaction',
      })
    })

    test('one that is not can', async () => {
      await session.query('BEGIN READ WRITE; CREATE EXTENSION azure_storage; COMMIT')
      await session.query('BEGIN READ WRITE; DROP EXTENSION azure_storage; COMMIT')
      await session.query('SET default_transaction_read_only = off')
      await session.query('CREATE EXTENSION azure_storage')
      await session.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      await session.query('RESET default_transaction_read_only')
    })

    test('exports and reads work', async () => {
      await session.query(`COPY pg_am TO '${url('copied.csv')}'`)
      await session.query(`SELECT azure_storage.blob_put(${args()}, 'put.csv', q) FROM (SELECT 7 AS a) AS q`)
      const got = `SELECT a FROM azure_storage.blob_get(${args()}, 'put.csv') AS t (a int)`
      expect((await session.query(got)).rows).toEqual([{ a: 7 }])
      expect(await errorOf(session.query(`SELECT azure_storage.account_add('other', '${account.key}')`))).toMatchObject(
        {
          code: '25006',
          message: 'cannot execute INSERT in a read-only transaction',
        },
      )
    })
  })
})
