import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BACKEND } from '../../src/protocol/codes.ts'
import { frameBody } from '../../src/protocol/frame-assembler.ts'
import { readErrorFields } from '../../src/protocol/messages.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { PUT_TABLES, putStatement, SESSIONS } from '../support/put-statements.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

const SEED = Number(process.env.SEED ?? 20261128)
const STATEMENTS = Number(process.env.STATEMENTS ?? 150)

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

  test(`${STATEMENTS} statements (SEED=${SEED})`, async () => {
    const random = new Random(SEED)
    const head = `'${account.name}', '${stack.container.containerName}'`
    let accelerated = 0
    for (let i = 0; i < STATEMENTS; i++) {
      const { sql, path } = putStatement(random, head, i)
      const session = random.chance(0.4) ? random.pick(SESSIONS) : ''
      const inTransaction = random.chance(0.3)
      const limit = random.pick([0, 0, 0, 1, 2])
      const isSimple = random.chance(0.5)
      const messages = isSimple
        ? [wire.query(sql)]
        : [
            wire.parse(sql),
            wire.bind(),
            wire.describePortal(),
            wire.execute('', limit),
            ...(limit > 0 ? [wire.execute('', limit)] : []),
            wire.sync,
          ]
      const outcomes: unknown[] = []
      for (const accelerate of ['off', 'on']) {
        const client = await WireClient.connect(stack.url())
        await client.query(`SET blobgres.accelerate = ${accelerate}`)
        if (session) for (const set of session.split('; ')) await client.query(set)
        if (inTransaction) await client.query('BEGIN')
        const before = calls
        outcomes.push(await outcome(client, messages, path))
        if (accelerate === 'on' && calls === before && JSON.stringify(outcomes[1]).includes('SELECT 1')) accelerated++
        await client.close()
      }
      expect(outcomes[1], `${session}; ${sql}${isSimple ? '' : ' (extended)'}`).toEqual(outcomes[0])
    }
    console.log({ accelerated })
    expect(accelerated).toBeGreaterThan(STATEMENTS / 10)
  }, 120_000)
})
