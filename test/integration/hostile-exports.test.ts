import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

/** Superusers' connections are few, and anybody can send these statements. */
describe.each(servers)("How many of the proxy's own connections a client can have, on PostgreSQL $version", server => {
  const many = Array.from({ length: 40 }, (_, i) => i)
  const own =
    "SELECT count(*)::int AS own FROM pg_stat_activity WHERE application_name = 'blobgres' AND datname = current_database()"
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  it('one for all exports of a text', async () => {
    await stack.client.query('CREATE TABLE t (a int)')
    const exports = many.map(i => `COPY t TO '${stack.blobUrl(`${i}.csv`)}'`)
    const results = (await stack.client.query([...exports, own].join(';'))) as unknown as pg.QueryResult[]
    expect(results.at(-1)?.rows).toEqual([{ own: 1 }])
  })

  it('none for prepared statements', async () => {
    const client = await WireClient.connect(stack.url())
    for (const i of many) client.send(wire.parse('CREATE EXTENSION azure_storage', `s${i}`))
    client.send(wire.sync)
    await client.until('Z')
    await expect.poll(() => client.value(own)).toBe('0') // the last may just be ending
    await client.close()
  })
})
