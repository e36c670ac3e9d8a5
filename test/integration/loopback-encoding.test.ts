import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

describe.each(servers)('on PostgreSQL $version', server => {
  it.each(['LATIN1', 'SQL_ASCII'])(
    "a proxy whose own database is in %s is found by the server's functions",
    async encoding => {
      const database = `blobgres_${randomUUID()}`
      await adminQuery(server, `CREATE DATABASE "${database}" TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`)
      const { backend, ...others } = testConfig(server)
      const config = { ...others, backend: backendConfig({ ...backend, password: undefined, database }) }
      const proxy = await startProxy(config, createLogger('silent'))
      try {
        const settings = await adminQuery(server, 'SELECT setconfig FROM pg_db_role_setting')
        expect(JSON.stringify(settings)).toContain(`127.0.0.1:${proxy.address.port}`)
      } finally {
        await proxy.close(0)
        await adminQuery(server, `DROP DATABASE "${database}"`)
      }
    },
  )
})
