import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { adminQuery, createDatabase, type TestDatabase, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'
import { cancelPacket } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

/** Operators that suit the proxy's own look-ups better than PostgreSQL's do, where names are not pinned. */
const TROJANS = [
  ['=', 'oid, integer'],
  ['*', 'numeric, integer'],
  ['+', 'integer, integer'],
]

describe.each(servers)("Names in the proxy's own database on PostgreSQL $version", server => {
  let database: TestDatabase
  let owner: pg.Client
  const role = uniqueName('hostile')
  beforeAll(async () => {
    database = await createDatabase(server)
    await adminQuery(server, `CREATE ROLE ${role} LOGIN; ALTER DATABASE ${database.name} OWNER TO ${role}`)
    owner = new pg.Client({ host: server.host, port: server.port, user: role, database: database.name })
    await owner.connect()
    await owner.query('CREATE SEQUENCE public.called; CREATE SCHEMA postgres')
    for (const [index, [operator, types]] of TROJANS.entries()) {
      const [left, right] = types?.split(', ') ?? []
      for (const schema of ['public', 'postgres']) {
        await owner.query(`
          CREATE FUNCTION ${schema}.trojan_${index}(${types}) RETURNS boolean LANGUAGE plpgsql AS $$
          BEGIN
            IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN PERFORM nextval('public.called'); END IF;
            RETURN true;
          END $$;
          GRANT USAGE ON SCHEMA ${schema} TO PUBLIC;
          CREATE OPERATOR ${schema}.${operator}
            (FUNCTION = ${schema}.trojan_${index}, LEFTARG = ${left}, RIGHTARG = ${right})`)
      }
    }
  })
  afterAll(async () => {
    await owner.end()
    await database.drop()
    await adminQuery(server, `DROP ROLE ${role}`)
  })

  test('mean what PostgreSQL means by them, when a proxy starts, passes a cancel request on, and stops', async () => {
    const { backend } = testConfig(server)
    const config = testConfig(server, {
      backend: backendConfig({ ...backend, password: undefined, database: database.name }),
    })
    const called = async () => (await owner.query('SELECT is_called FROM public.called')).rows[0].is_called
    // That they do suit better is not to be taken on trust.
    await adminQuery(server, 'SELECT FROM pg_database WHERE oid = 0', database.name)
    expect(await called()).toBe(true)
    await owner.query('ALTER SEQUENCE public.called RESTART')

    const proxy = await startProxy(config, createLogger('silent'))
    const client = await WireClient.open(`postgres://${proxy.address.host}:${proxy.address.port}`)
    client.send(cancelPacket(randomBytes(8)))
    expect(await client.until('EOF')).toEqual(['EOF'])
    await proxy.close(0)
    expect(await called()).toBe(false)
  })
})
