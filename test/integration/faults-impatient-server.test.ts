import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('A server that ends idle sessions, on PostgreSQL $version', server => {
  const user = uniqueName('impatient')
  let stack: CopyStack
  beforeAll(async () => {
    await adminQuery(
      server,
      `CREATE ROLE ${user} LOGIN SUPERUSER; ALTER ROLE ${user} SET idle_session_timeout = '50ms'`,
    )
    const { host, port } = server
    stack = await startCopyStack(server, {
      backend: backendConfig({ host, port, user, password: undefined, database: 'postgres' }),
    })
  })
  afterAll(async () => {
    await stack.close()
    await adminQuery(server, `DROP ROLE ${user}`)
  })

  it('does not end those that the proxy waits in', async () => {
    await stack.client.query('CREATE VIEW slow AS SELECT pg_sleep(0.2)::text AS a')
    await stack.client.query(`COPY slow TO '${stack.blobUrl('slow.csv')}'`)
    expect(await stack.get('slow.csv')).toBe('""\n')
  })
})
