import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_KEPT } from '../../src/statements/prepared-statements.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

/** What is kept of them is the proxy's memory, of which the server knows nothing. */
describe.each(servers)('Prepared statements without end on PostgreSQL $version', server => {
  let stack: CopyStack
  let client: WireClient
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a text)')
    client = await WireClient.connect(stack.url())
  })
  afterAll(async () => {
    await client.close()
    await stack.close()
  })

  const text = "COPY t FROM 'https://acct.blob.core.windows.net/box/a.csv'"
  const refused = expect.stringContaining('54000 azure_storage: too many prepared statements')
  const prepare = async (...names: string[]): Promise<string[]> => {
    client.send(...names.map(name => wire.parse(text, name)), wire.sync)
    return client.until('Z')
  }

  it('are refused in their transaction, and the session lives on', async () => {
    await client.query('BEGIN')
    const told = await prepare(...Array.from({ length: MAX_KEPT + 1 }, (_, i) => `s${i}`))
    expect([told.length, ...told.slice(-3)]).toEqual([MAX_KEPT + 2, '1', refused, 'Z E'])
    expect((await client.query('ROLLBACK')).at(-1)).toBe('Z I')
    expect(await client.value('SELECT 1')).toBe('1')
  })

  it('may come again after a Close, or a DEALLOCATE wherever that was', async () => {
    client.send(wire.closeStatement('s0'))
    expect(await prepare('more')).toEqual(['3', '1', 'Z I'])
    expect(await prepare('yet more')).toEqual([refused, 'Z I'])
    await client.query("DO $$ BEGIN EXECUTE 'DEALLOCATE s1'; END $$")
    expect(await prepare('yet more')).toEqual(['1', 'Z I'])
    expect(await prepare('too many')).toEqual([refused, 'Z I'])
    await client.query('DISCARD ALL')
    expect(await prepare('s0', 's1')).toEqual(['1', '1', 'Z I'])
  })

  it('have the names that the server tells apart', async () => {
    const name = 'n'.repeat(63)
    client.send(wire.parse("SELECT azure_storage.account_add('acct', $1)", `${name}1`), wire.sync)
    expect(await client.until('Z')).toEqual(['1', 'Z I'])
    client.send(wire.bind([account.key], { statement: `${name}2` }), wire.sync)
    expect(await client.until('Z')).toEqual(['2', 'Z I'])
  })

  it('and so are portals', async () => {
    client.send(wire.parse(text, 'one'))
    const binds = Array.from({ length: MAX_KEPT }, (_, i) => wire.bind([], { statement: 'one', portal: `p${i}` }))
    client.send(...binds, wire.bind([], { statement: 'one', portal: 'q' }), wire.sync)
    const told = await client.until('Z')
    expect([told.length, ...told.slice(-2)]).toEqual([
      MAX_KEPT + 3,
      expect.stringContaining('54000 azure_storage: too many portals'),
      'Z I',
    ])
    client.send(wire.bind([], { statement: 'one', portal: 'q' }), wire.sync)
    expect(await client.until('Z')).toEqual(['2', 'Z I'])
  })
})
