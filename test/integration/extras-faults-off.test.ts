import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom, testConfig } from '../support/stack.ts'

describe.each(servers)('the schema blobgres on PostgreSQL $version', server => {
  let stack: CopyStack
  /** With the schema, in front of the same database. */
  let other: RunningProxy
  beforeAll(async () => {
    stack = await startCopyStack(server)
    other = await startProxy(testConfig(server, { extras: true }), createLogger('silent'))
    await stack.put('a.csv', '1\n')
    await stack.client.query('CREATE TABLE t (a int)')
  })
  afterAll(async () => {
    await other.close(0)
    await stack.close()
  })
  const there = async () => (await stack.client.query("SELECT to_regnamespace('blobgres') AS name")).rows[0].name
  const connectToOther = () =>
    stack.connect(undefined, { connectionString: stack.url().replace(/:\d+\//, `:${other.address.port}/`) })
  const off = {
    code: '0A000',
    message: 'blobgres: this proxy injects no faults',
    hint: 'It does with --extras, and in the dev stack.',
  }

  it('is not there without extras, whatever a session sets, and the proxy takes no faults', async () => {
    await stack.client.query('SET blobgres.extras = on; ALTER EXTENSION azure_storage UPDATE')
    expect(await there()).toBeNull()
    for (const verb of ['INJECT', 'CLEAR', 'FAULTS']) {
      const asked = stack.client.query(`DO $$
        DECLARE c text; r text;
        BEGIN
          SELECT * INTO c, r FROM azure_storage_private.connect_for('${verb}', '{}');
          PERFORM FROM azure_storage_private.dblink(c, r) AS t (a text, b text, c text, d text, e text);
        END $$`)
      expect(await errorOf(asked)).toMatchObject(off)
    }
  })

  it('comes with ALTER EXTENSION through a proxy that has it, and others keep it, but have no faults', async () => {
    const client = await connectToOther()
    await client.query('ALTER EXTENSION azure_storage UPDATE')
    await client.query('ALTER EXTENSION azure_storage UPDATE')
    await callProxyFrom(server, stack.database.name, other)
    const injected = `blobgres.inject('denied', '${account.name}', '${stack.container.containerName}', '*')`
    await client.query(`SELECT ${injected}`)
    await callProxyFrom(server, stack.database.name, ...stack.loopbacks)
    await stack.client.query('ALTER EXTENSION azure_storage UPDATE')
    expect(await there()).toBe('blobgres')
    for (const call of [injected, 'blobgres.clear()', 'blobgres.faults()']) {
      expect(await errorOf(stack.client.query(`SELECT ${call}`))).toMatchObject(off)
    }
    const copy = `COPY t FROM '${stack.blobUrl('a.csv')}'`
    await stack.client.query(copy)
    expect(await errorOf(client.query(copy))).toMatchObject({ code: '42501' })
  })

  it('is part of the extension', async () => {
    expect(await errorOf(stack.client.query('DROP SCHEMA blobgres CASCADE'))).toMatchObject({ code: '2BP01' })
    await stack.client.query('DROP EXTENSION azure_storage')
    expect(await there()).toBeNull()
  })

  it("is left alone where it is somebody else's", async () => {
    const client = await connectToOther()
    const notices: (string | undefined)[] = []
    client.on('notice', ({ message }) => notices.push(message))
    await client.query('CREATE SCHEMA blobgres; CREATE FUNCTION blobgres.clear() RETURNS int RETURN 7')
    await client.query('CREATE EXTENSION azure_storage')
    expect(notices).toEqual(['schema "blobgres" is not made, because there is another of that name'])
    await client.query('DROP EXTENSION azure_storage')
    expect((await client.query('SELECT blobgres.clear()')).rows).toEqual([{ clear: 7 }])
  })
})
