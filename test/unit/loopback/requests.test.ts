import { expect, test } from 'vitest'
import { Progress } from '../../../src/activity/progress.ts'
import { Sessions } from '../../../src/activity/sessions.ts'
import { Transfers } from '../../../src/activity/transfers.ts'
import { Conversions } from '../../../src/backend/conversions.ts'
import type { BackendConfig } from '../../../src/config/backend-url.ts'
import { mac } from '../../../src/credentials/mac.ts'
import { createLogger } from '../../../src/log.ts'
import { type LoopbackServices, Requests } from '../../../src/loopback/requests.ts'
import { MemoryBudget } from '../../../src/memory-budget.ts'
import { Calls } from '../../../src/operations/calls.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const NONCE = 'ab'.repeat(32)
const hex = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('hex')
const OPEN = {
  call: { pid: 7, statement: '99', timeout_ms: 0, user_in_hex: '61', database_in_hex: '62', block_size_mb: 1 },
  ...{ account: 'acct', container: 'box', path: 'a.csv', access: null, encoder: 'auto', compression: 'auto' },
  ...{ columns: [{ name: 'a', oid: 25, typmod: -1 }], encoding: 'UTF8', client_encoding: 'UTF8' },
}

async function start() {
  const log = createLogger('silent')
  const services = {
    config: { storageEndpoints: { accounts: new Map([['acct', 'http://127.0.0.1:9/acct']]) } },
    conversions: new Conversions({ backend: {} as BackendConfig }),
    serverMajorVersion: 18,
    sealingKey: key,
    memory: new MemoryBudget({}),
    transfers: new Transfers(log, new Sessions()),
    progress: new Progress(new Sessions(), false),
    calls: new Calls('proxy'),
    proxyId: 'proxy',
    whereabouts: { isOwnAddress: () => true, isOwnServer: async () => true, reached: () => {} },
  } as unknown as LoopbackServices
  const requests = new Requests(services, 'UTF8', log)
  const hello = hex({ nonce: NONCE, pid: '7', statement: '99', address: 'here:1', server: '3' })
  const reply = []
  for await (const bytes of requests.answer(Buffer.from(`HELLO ${hello}`), () => {})) reply.push(bytes)
  const [ours] = /[0-9a-f]{64}/.exec(String(reply[1])) ?? []
  const answer = (verb: string, fields: object): Promise<unknown> => {
    const content = JSON.stringify(fields)
    const proof = mac(key, 'blobgres/2 request', NONCE, ours as string, verb, content)
    return requests.answer(Buffer.from(`${verb} ${proof} ${Buffer.from(content).toString('hex')}`), () => {}).next()
  }
  return { requests, services, answer }
}

test('an upload ends with its connection, also where that is over before it is open', async () => {
  const { requests, services, answer } = await start()
  const opened = answer('OPEN', OPEN)
  requests.close()
  await opened
  expect([...requests.uploads]).toEqual([])
  expect(services.transfers.live).toEqual([])
  expect(services.calls.has(7)).toBe(false)
  expect(services.transfers.finished.map(({ end }) => end?.outcome)).toEqual(['failed'])
})

test('no transfer begins with a name that no blob can have', async () => {
  const { services, answer } = await start()
  await expect(answer('OPEN', { ...OPEN, path: `${'x'.repeat(1_000_000)}.csv` })).rejects.toMatchObject({
    code: '22023',
  })
  expect([services.transfers.live, services.transfers.finished]).toEqual([[], []])
})
