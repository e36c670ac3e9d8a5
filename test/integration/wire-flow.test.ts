import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKEND } from '../../src/protocol/codes.ts'
import { QUERY_TEXT_LIMIT } from '../../src/session/client-stream.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { run, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const MEBIBYTE = 1024 * 1024

/** Proxy and client are this process; the client keeps nothing of what it does not read. */
const residentMiB = (): number => Math.round(process.memoryUsage().rss / MEBIBYTE)

describe.each(servers)('Much data on the wire on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  it('a long parameter and a long result go through', async () => {
    const client = await WireClient.connect(stack.url())
    const text = 'x'.repeat(60 * MEBIBYTE)
    client.send(wire.parse('SELECT $1::text'), wire.bind([text]), wire.execute(), wire.sync)
    for (;;) {
      const frame = await client.read()
      if (frame?.code === BACKEND.dataRow) expect(frame.bytes.length).toBe(text.length + 11)
      if (frame === undefined || frame.code === BACKEND.readyForQuery) break
    }
    await client.close()
  })

  it('a result waits in the server until the client reads it', async () => {
    const client = await WireClient.connect(stack.url())
    const before = residentMiB()
    client.send(wire.query(`SELECT repeat('x', 100000) FROM generate_series(1, 5000)`))
    client.socket.pause()
    const waits = `SELECT FROM pg_stat_activity WHERE pid = ${client.pid} AND wait_event = 'ClientWrite'`
    let seen = 0
    while (seen < 10) {
      seen = (await stack.client.query(waits)).rowCount === 1 ? seen + 1 : 0
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    expect(residentMiB() - before).toBeLessThan(50)
    // The other direction is open meanwhile, and so is the session once the client reads on.
    client.send(wire.query('SELECT 7'))
    client.socket.resume()
    expect((await client.until('ZZ')).slice(-4)).toEqual(['T ?column?:23/0', 'D 7', 'C SELECT 1.', 'Z I'])
    await client.close()
  })

  it('what is sent to a busy server waits in the client', async () => {
    const client = await WireClient.connect(stack.url())
    await client.query('CREATE TEMP TABLE t (a text)')
    const row = wire.copyData(`${'x'.repeat(100_000)}\n`)
    client.send(wire.query('SELECT pg_sleep(1)'), wire.query('COPY t FROM STDIN'))
    let rows = 0
    while (client.socket.writableLength < 20 * MEBIBYTE) {
      client.send(row)
      rows++
    }
    await new Promise(resolve => setTimeout(resolve, 500))
    // More than the kernel's buffers has not been taken.
    expect(client.socket.writableLength).toBeGreaterThan(5 * MEBIBYTE)
    client.send(wire.copyDone, wire.query('SELECT count(*) FROM t'))
    expect(await client.until('ZZZ')).toContain(`D ${rows}`)
    await client.close()
  })

  it('many pipelined statements are answered though the client reads only at the end', async () => {
    const client = await WireClient.connect(stack.url())
    client.socket.pause()
    const one = Buffer.concat([run('SELECT 1'), wire.sync])
    for (let i = 0; i < 200; i++) client.send(Buffer.concat(Array.from({ length: 100 }, () => one)))
    await new Promise(resolve => setTimeout(resolve, 300))
    client.socket.resume()
    expect(await client.until('Z'.repeat(20_000))).toHaveLength(20_000 * 5)
    await client.close()
  })

  it('a long query text of ours is held until it is whole, a longer one passes unread', async () => {
    const client = await WireClient.connect(stack.url())
    await client.query('CREATE TEMP TABLE t (a int)')
    const copy = `COPY t FROM '${await stack.put('one.csv', '1\n')}'`
    const filler = (length: number): string => `SELECT 1 /* ${'x'.repeat(length)} */; `
    client.send(wire.query('SELECT pg_sleep(0.2)'), wire.query(copy), wire.query(filler(MEBIBYTE / 2) + copy))
    const replies = await client.until('ZZZ')
    expect(replies.filter(line => line === 'C COPY 1.')).toHaveLength(2)
    client.send(wire.query(filler(QUERY_TEXT_LIMIT) + copy))
    expect((await client.until('Z')).slice(-2)).toEqual([
      expect.stringMatching(/^E ERROR 58P01 could not open file/),
      'Z I',
    ])
    await client.close()
  })
})
