import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BACKEND } from '../../src/protocol/codes.ts'
import { frameBody } from '../../src/protocol/frame-assembler.ts'
import { readErrorFields } from '../../src/protocol/messages.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { PUT_TABLES, putStatement, SESSIONS } from '../support/put-statements.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const SEED = Number(process.env.SEED ?? 20261128)
const STATEMENTS = Number(process.env.STATEMENTS ?? 40)

describe.each(servers)('blob_put() is the same as COPY and by itself, on PostgreSQL $version', server => {
  let stack: CopyStack
  let calls = 0
  beforeAll(async () => {
    const write = (line: string): void => {
      if (line.includes('"function call"')) calls++
    }
    stack = await startCopyStack(server, {}, pino({ level: 'debug' }, { write }))
    await stack.client.query(PUT_TABLES)
  })
  afterAll(() => stack.close())

  /** All that the client is told, and the blob. */
  async function outcome(client: WireClient, messages: Buffer[], path: string): Promise<unknown[]> {
    await stack.container.getBlockBlobClient(path).deleteIfExists()
    client.send(...messages)
    const told: string[] = []
    for (;;) {
      const frame = await client.read()
      if (frame === undefined) throw new Error(`the session has ended: ${told.join('\n')}`)
      const fields =
        frame.code === BACKEND.errorResponse || frame.code === BACKEND.noticeResponse
          ? readErrorFields(frameBody(frame))
          : undefined
      // Where in PostgreSQL's source.
      for (const field of 'FLR') fields?.delete(field)
      told.push(
        fields
          ? [...fields].map(([type, value]) => `${type} ${value.toString().replace(/[0-9a-f-]{36}/g, '…')}`).join('\n')
          : frame.bytes.toString('latin1'),
      )
      if (frame.code === BACKEND.readyForQuery) break
    }
    const exists = await stack.exists(path)
    return [told, exists ? (await stack.getBytes(path)).toString('latin1') : undefined]
  }

  /** How many of the statements have run as COPY, and had rows. */
  async function compare(url: string, count: number): Promise<number> {
    const random = new Random(SEED)
    const head = `'${account.name}', '${stack.container.containerName}'`
    let copied = 0
    for (let i = 0; i < count; i++) {
      const { sql, path } = putStatement(random, head, i)
      const session = random.chance(0.4) ? random.pick(SESSIONS) : []
      const inTransaction = random.chance(0.3)
      const limit = random.pick([0, 0, 0, 1, 2])
      const isSimple = random.chance(0.5)
      const executes = limit > 0 ? [wire.execute('', limit), wire.execute('', limit)] : [wire.execute()]
      const messages = isSimple
        ? [wire.query(sql)]
        : [wire.parse(sql), wire.bind(), wire.describePortal(), ...executes, wire.sync]
      const outcomes: unknown[] = []
      let called = 0
      for (const accelerate of ['off', 'on']) {
        const client = await WireClient.connect(url)
        for (const set of [`SET blobgres.accelerate = ${accelerate}`, ...session]) await client.query(set)
        if (inTransaction) await client.query('BEGIN')
        called = calls
        outcomes.push(await outcome(client, messages, path))
        await client.close()
      }
      expect(outcomes[1], `${session.join('; ')}; ${sql}${isSimple ? '' : ' (extended)'}`).toEqual(outcomes[0])
      if (calls === called && (outcomes[1] as unknown[])[1] !== undefined) copied++
    }
    return copied
  }

  test(`${STATEMENTS} statements (SEED=${SEED})`, async () => {
    expect(await compare(stack.url(), STATEMENTS)).toBeGreaterThan(STATEMENTS / 10)
  }, 900_000)

  test('in a database of another encoding', async () => {
    const name = uniqueName('encoding')
    await adminQuery(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
    try {
      await callProxyFrom(server, name, stack.proxy)
      const url = stack.url().replace(stack.database.name, name)
      const client = new pg.Client(url)
      await client.connect()
      await client.query('CREATE EXTENSION azure_storage')
      await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
      await client.query(PUT_TABLES)
      await client.end()
      expect(await compare(url, STATEMENTS / 5)).toBeGreaterThan(STATEMENTS / 100)
    } finally {
      await adminQuery(server, `DROP DATABASE ${name} WITH (FORCE)`)
    }
  }, 900_000)
})
