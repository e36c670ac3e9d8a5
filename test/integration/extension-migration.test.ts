import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ContainerClient } from '@azure/storage-blob'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { createContainer } from '../support/azurite.ts'
import { adminQuery } from '../support/database.ts'
import { createOldDatabase, OLD_SERVER } from '../support/old-extension.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { azurite } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

describe.each([15, 18] as const)('A database of the version before on PostgreSQL %i', version => {
  let server: OwnServer
  let proxy: RunningProxy
  let containers: readonly ContainerClient[]
  beforeAll(async () => {
    containers = await Promise.all(['devacct1', 'devacct2'].map(name => createContainer('old', name)))
    for (const container of containers) await container.getBlockBlobClient('a.csv').uploadData(Buffer.from('1\n2\n'))
    server = await startOwnServer(version)
    await adminQuery(server, OLD_SERVER)
    await prepare('started', 'user_1')
    const config = testConfig(server)
    proxy = await startProxy(config, createLogger(config.logLevel))
    await prepare('asked', 'user_2')
    await query('asked', 'postgres', 'ALTER EXTENSION azure_storage UPDATE')
  })
  afterAll(async () => {
    await proxy.close(0)
    await server.stop()
    for (const container of containers) await container.delete()
  })

  /** With a view of the role's over the first account. */
  async function prepare(database: string, role: string): Promise<void> {
    await createOldDatabase(server, database, role)
    await adminQuery(
      server,
      `CREATE SCHEMA ${role} AUTHORIZATION ${role}; SET SESSION AUTHORIZATION ${role};
       CREATE VIEW ${role}.numbers AS
         SELECT * FROM azure_storage.blob_get('devacct1', '${containers[0]?.containerName}', 'a.csv') AS t (n int);
       CREATE VIEW ${role}.written AS SELECT azure_storage.blob_put(
         'devacct1', '${containers[0]?.containerName}', '${role}.csv', t)::text FROM (VALUES (5)) AS t`,
      database,
    )
  }

  async function query(database: string, user: string, sql: string): Promise<unknown[]> {
    const client = new pg.Client({ ...proxy.address, user, database })
    await client.connect()
    const result = await client.query(sql).finally(() => client.end())
    return [result].flat().at(-1)?.rows ?? []
  }

  describe.each([
    ['when a proxy starts', 'started', 'user_1'],
    ['at ALTER EXTENSION … UPDATE', 'asked', 'user_2'],
  ])('is brought up to date %s', (_, database, role) => {
    test('with its accounts and who may use them', async () => {
      expect(
        await query(database, 'postgres', 'SELECT account_name, allowed_users::text FROM azure_storage.account_list()'),
      ).toEqual([
        { account_name: 'devacct1', allowed_users: `{${role}}` },
        { account_name: 'devacct2', allowed_users: '{}' },
      ])
      for (const [index, account] of ['devacct1', 'devacct2'].entries()) {
        const url = `${azurite.endpointTemplate.replace('{account}', account)}/${containers[index]?.containerName}/a.csv`
        const rows = await query(
          database,
          'postgres',
          `CREATE TEMP TABLE t (n int); COPY t FROM '${url}'; SELECT sum(n) FROM t`,
        )
        expect(rows).toEqual([{ sum: '3' }])
      }
    })

    test('with the views of its users', async () => {
      expect(await query(database, role, 'SELECT sum(n) FROM numbers')).toEqual([{ sum: '3' }])
      await query(database, role, 'SELECT * FROM written')
      expect(String(await containers[0]?.getBlobClient(`${role}.csv`).downloadToBuffer())).toBe('5\n')
    })

    test('with the functions of a new one, all of them parts of the extension', async () => {
      await adminQuery(server, `CREATE DATABASE new_${database}`)
      await query(`new_${database}`, 'postgres', 'CREATE EXTENSION azure_storage')
      const parts = `
        SELECT pg_describe_object(classid, objid, 0) AS part, obj_description(objid, 'pg_namespace') AS version
        FROM pg_depend WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'azure_storage') AND deptype = 'e'
        UNION ALL
        SELECT oid::regprocedure::text, md5(prosrc || prosecdef || coalesce(proconfig::text, '') || coalesce(proacl::text, ''))
        FROM pg_proc WHERE pronamespace IN ('azure_storage'::regnamespace, 'azure_storage_private'::regnamespace)
        ORDER BY 1`
      expect(await query(database, 'postgres', parts)).toEqual(await query(`new_${database}`, 'postgres', parts))
    })

    // pg_dump refuses a server that is newer than itself, and tests can count on version 15 only.
    test.runIf(version === 15)('and can be dumped', async () => {
      const url = `postgres://postgres@${server.host}:${server.port}/${database}`
      const { stdout: dump } = await promisify(execFile)('pg_dump', ['-d', url])
      const statements = dump
        .match(/^(CREATE|GRANT|REVOKE|COMMENT|COPY)\b[^;(]*/gm)
        ?.map(text => text.split(' AS')[0]?.trim())
      expect(statements).toEqual([
        'CREATE EXTENSION IF NOT EXISTS azure_storage WITH SCHEMA public',
        "COMMENT ON EXTENSION azure_storage IS 'Azure integration for PostgreSQL'",
        `CREATE SCHEMA ${role}`,
        `CREATE VIEW ${role}.numbers`,
        `CREATE VIEW ${role}.written`,
        'COPY azure_storage.accounts',
        'COPY azure_storage_private.account_users',
      ])
    })
  })
})
