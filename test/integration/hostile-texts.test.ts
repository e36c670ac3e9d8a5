import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

/** Would take minutes to read; PostgreSQL itself stops at the first word. */
const HARD = `) ; ${'/*'.repeat(400_000)} copy '://'`
/** And may not pass: a credential may be in it. */
const HARD_ADD = `${HARD} account_add`

/** A hard text takes more than two seconds, and a thread its time to start; who reads it is the proxy, so that one server is enough. */
describe.each(servers.slice(-1))('Texts that take long to read on PostgreSQL $version', { timeout: 90_000 }, server => {
  let stack: CopyStack
  let middling: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int)')
    middling = `COPY t FROM '${await stack.put('one.csv', '1\n')}' /* ${'long '.repeat(1000)} */`
  })
  afterAll(() => stack.close())

  it('keep nobody else waiting', async () => {
    const bystander = await WireClient.connect(stack.url())
    const client = await WireClient.connect(stack.url())
    let over = false
    const reply = client.query(HARD_ADD).finally(() => {
      over = true
    })
    let answered = 0
    for (; !over; answered++) expect(await bystander.value('SELECT 1')).toBe('1')
    expect(await reply).toEqual(['E ERROR 54001 azure_storage: the statement is too complex to be read', 'Z I'])
    expect(answered).toBeGreaterThan(50)
    await bystander.close()
    await client.close()
  })

  it('do not get in the way of those that do not', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => WireClient.connect(stack.url())))
    const [reader, ...others] = clients as [WireClient, ...WireClient[]]
    let left = others.length
    const hard = others.map(each => each.query(HARD_ADD).finally(() => left--))
    while (left === others.length) expect(await reader.query(middling)).toEqual(['C COPY 1.', 'Z I'])
    // Then the others still wait for each other.
    for (const replies of await Promise.all(hard)) expect(replies[0]).toMatch(/^E ERROR 54001/)
    await Promise.all(clients.map(each => each.close()))
  })

  it('pass unread, or are refused where they may hold a credential', async () => {
    const client = await WireClient.connect(stack.url())
    expect(await client.query(HARD)).toEqual(['E ERROR 42601 syntax error at or near ")" at 1', 'Z I'])
    client.send(wire.parse(`${HARD_ADD} $1`), wire.bind(['x']), wire.sync)
    expect(await client.until('Z')).toEqual([
      'E ERROR 54001 azure_storage: the statement is too complex to be read',
      'Z I',
    ])
    client.send(wire.query('BEGIN'), wire.query(HARD_ADD), wire.query('SELECT 1'), wire.query(middling))
    expect(await client.until('ZZZZ')).toEqual([
      'C BEGIN.',
      'Z T',
      'E ERROR 54001 azure_storage: the statement is too complex to be read',
      'Z E',
      expect.stringMatching(/^E ERROR 25P02/),
      'Z E',
      expect.stringMatching(/^E ERROR 25P02/),
      'Z E',
    ])
    expect(await client.query('ROLLBACK')).toEqual(['C ROLLBACK.', 'Z I'])
    expect(await client.query(middling)).toEqual(['C COPY 1.', 'Z I'])
    await client.close()
  })

  it('can be cancelled meanwhile', async () => {
    const client = await WireClient.connect(stack.url())
    const cancel = async (): Promise<void> => {
      const other = await WireClient.open(stack.url())
      other.send(cancelPacket(client.key))
      await other.until('EOF')
    }
    for (const sql of [wire.query(HARD_ADD), Buffer.concat([wire.parse(HARD_ADD), wire.sync])]) {
      let over = false
      client.send(sql)
      const replies = client.until('Z').finally(() => {
        over = true
      })
      // The first may come before the text.
      while (!over) await cancel()
      expect(await replies).toEqual(['E ERROR 57014 canceling statement due to user request', 'Z I'])
    }
    await client.close()
  })

  it('end with their session', async () => {
    for (let i = 0; i < 3; i++) {
      const client = await WireClient.connect(stack.url())
      client.send(wire.query(HARD_ADD))
      client.kill('reset')
    }
    const [copy, none] = [await WireClient.connect(stack.url()), await WireClient.connect(stack.url())]
    expect(await copy.query(middling)).toEqual(['C COPY 1.', 'Z I'])
    await copy.close()
    await none.close()
  })

  it('nor does one of very many statements for blobs', async () => {
    const client = await WireClient.connect(stack.url())
    const copy = `COPY t FROM '${stack.blobUrl('one.csv')}';`
    expect(await client.query(copy.repeat(1001))).toEqual([
      'E ERROR 54001 azure_storage: the statement is too complex to be read',
      'Z I',
    ])
    const replies = await client.query(copy.repeat(100))
    expect(replies.filter(line => line === 'C COPY 1.')).toHaveLength(100)
    await client.close()
  })
})
