import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { LOOPBACK_NAME } from '../../src/loopback/handshake.ts'
import { dataRow, rowDescription } from '../../src/loopback/rows.ts'
import { AUTHENTICATION } from '../../src/protocol/codes.ts'
import {
  authentication,
  commandComplete,
  errorFields,
  errorResponse,
  parameterStatus,
} from '../../src/protocol/messages.ts'
import { PgError } from '../../src/protocol/pg-error.ts'
import type { RunningProxy } from '../../src/proxy.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { type Dialler, type Impostor, ready, rows, startImpostor, welcome } from '../support/impostor.ts'
import { Random } from '../support/random.ts'
import { callProxyFrom } from '../support/stack.ts'
import { message, startupPacket, wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'
import type { Attack, AttackContext, AttackReport } from './attack.ts'

const MARKER = 'nobody may read this'
const LIE = 'a lie of the impostor'
const ZERO = '00'.repeat(32)

/** Impostors in the place of a proxy, and backends that are none: neither learns anything, and nobody believes them. */
export const peerAttack: Attack = {
  name: 'a hostile peer',
  enough: 400,
  async run(context) {
    const stack = await startCopyStack(context.server)
    try {
      await stack.put('secret.txt', MARKER)
      return await attack(context, stack, await provedElsewhere(stack))
    } finally {
      await stack.close()
    }
  },
}

async function attack(
  { seed, server, goesOn }: AttackContext,
  stack: CopyStack,
  recorded: Buffer[],
): Promise<AttackReport> {
  const random = new Random(seed)
  const findings = new Set<string>()
  const { loopbacks } = stack
  const [{ address: living }] = loopbacks as [Pick<RunningProxy, 'address'>]
  const direct = new pg.Client({ connectionString: stack.database.url })
  await direct.connect()
  const before = await stack.get('secret.txt')
  let attempts = 0
  while (goesOn(attempts) && findings.size < 20) {
    const impostor: Impostor = await startImpostor(dialler => deceive(dialler, random, recorded, living))
    await callProxyFrom(server, stack.database.name, impostor, ...loopbacks)
    for (let i = 0; i < 5; i++, attempts++) {
      const sql = random.pick(functionCalls(stack))
      const told = await direct.query(sql).then(
        result => JSON.stringify(result.rows),
        error => `${error.code} ${error.message}`,
      )
      if (told.includes(LIE)) findings.add(`an impostor is believed: ${sql}`)
      if (/^(?!08|22|57|58)[0-9A-Z]{5} /.test(told)) findings.add(`an odd failure: ${told.slice(0, 300)}`)
    }
    if (/(LIST|GET|OPEN|SEAL) [0-9a-f]/.test(impostor.heard)) findings.add('an impostor is asked')
    for (const secret of await secretsOf(stack))
      if (impostor.heard.includes(secret)) findings.add('an impostor hears a secret')
    await impostor.close()
    for (let i = 0; i < 20; i++, attempts++) {
      const bytes = fakeExchange(random, recorded)
      const told = await dial(stack, bytes)
      const wrong = told.filter(each => !/^(R |S |Z |T nonce:|D [0-9a-f]{64},[0-9a-f]{64}$|C SELECT|E |EOF)/.test(each))
      if (wrong.length > 0)
        findings.add(
          `a fake backend is answered ${wrong.join(' | ').slice(0, 300)}: ${bytes.subarray(0, 1000).toString('latin1')}`,
        )
    }
    await callProxyFrom(server, stack.database.name, ...loopbacks)
    const { rows: listed } = await direct.query(functionCalls(stack)[0] as string)
    if (listed.length === 0) findings.add('the living proxy does not answer any more')
  }
  if ((await stack.get('secret.txt')) !== before || (await stack.exists('replayed.txt')))
    findings.add('a blob has changed')
  await direct.end()
  return { attempts, findings: [...findings] }
}

const functionCalls = ({ container }: CopyStack): string[] => {
  const args = `'${account.name}', '${container.containerName}'`
  return [
    `SELECT path FROM azure_storage.blob_list(${args})`,
    `SELECT * FROM azure_storage.blob_get(${args}, 'secret.txt', 'text') AS t (line text)`,
    `SELECT azure_storage.blob_put(${args}, 'put.txt', q) FROM (SELECT 'x' AS x) AS q`,
    `SELECT azure_storage.account_add('third', '${account.key}')`,
  ]
}

/** One way of an impostor with one connection: what it says at first, and what it answers to HELLO. */
async function deceive(
  dialler: Dialler,
  random: Random,
  recorded: readonly Buffer[],
  living: RunningProxy['address'],
): Promise<void> {
  const opening = random.pick<Buffer | 'relay'>([
    ...Array.from({ length: 6 }, () => welcome()),
    authentication(3, ''),
    authentication(5, 'salt'),
    authentication(AUTHENTICATION.sasl, 'SCRAM-SHA-256\0\0'),
    Buffer.concat([
      authentication(AUTHENTICATION.sasl, 'SCRAM-SHA-256\0\0'),
      authentication(AUTHENTICATION.ok, ''),
      ready,
    ]),
    errorResponse(errorFields(new PgError({ message: LIE, code: '42501' }), 'FATAL')),
    Buffer.from(random.times(100, () => random.below(256))),
    Buffer.from('S'),
    Buffer.alloc(0),
    'relay',
  ])
  if (opening === 'relay') {
    const upstream = connect(living)
    upstream.on('error', () => dialler.socket.destroy())
    upstream.write(startupPacket({ user: LOOPBACK_NAME, database: LOOPBACK_NAME, client_encoding: 'UTF8' }))
    upstream.pipe(dialler.socket)
    for (let frame = await dialler.next(); frame; frame = await dialler.next()) upstream.write(frame.bytes)
    upstream.destroy()
    return
  }
  dialler.send(opening)
  const hello = await soon(dialler.query())
  if (hello !== undefined) {
    const answer = helloAnswer(random, recorded, hello)
    dialler.send(random.chance(0.2) ? answer.subarray(0, random.below(answer.length)) : answer)
    if (random.chance(0.5)) {
      await soon(dialler.next())
      dialler.send(rows(['path', 'b', 'c', 'd', 'e', 'f', 'g'], [LIE, '1', 'now', '', '', '', '']))
    }
  }
  dialler.socket.end()
}

/** Who is silent holds a backend up; that is not what this is about. */
const soon = <T>(message: Promise<T | undefined>): Promise<T | undefined> =>
  Promise.race([message, sleep(30, undefined)])

function helloAnswer(random: Random, recorded: readonly Buffer[], hello: string): Buffer {
  const own = /"nonce": ?"([0-9a-f]+)"/.exec(Buffer.from(hello.slice(6), 'hex').toString())?.[1] ?? ZERO
  const proof = random.pick([ZERO, own, '', 'x', `${own}|`, ...proofsIn(recorded)])
  return random.pick([
    rows(['nonce', 'proof'], [random.pick([ZERO, own]), proof]),
    rows(['nonce', 'proof'], [ZERO, proof], [own, proof]),
    rows(['nonce', 'proof']),
    rows(['nonce'], [ZERO]),
    rows(['nonce', 'proof', 'more'], [ZERO, proof, LIE]),
    Buffer.concat([
      rowDescription(['nonce', 'proof']),
      dataRow([undefined, undefined]),
      commandComplete('SELECT'),
      ready,
    ]),
    Buffer.concat([
      rows(['nonce', 'proof'], [ZERO, proof]).subarray(0, -ready.length),
      rows(['nonce', 'proof'], [ZERO, proof]),
    ]),
    Buffer.concat([
      parameterStatus('client_encoding', 'LATIN1'),
      parameterStatus('is_superuser', 'on'),
      rows(['nonce', 'proof'], [ZERO, proof]),
    ]),
    errorResponse(errorFields(new PgError({ message: LIE, code: '08001' }), 'FATAL')),
    Buffer.concat([errorResponse(errorFields(new PgError({ message: LIE, code: '57014' }))), ready]),
    Buffer.from(random.times(200, () => random.below(256))),
  ])
}

const proofsIn = (recorded: readonly Buffer[]): string[] =>
  recorded.flatMap(bytes => bytes.toString('latin1').match(/\b[0-9a-f]{64}\b/g) ?? []).slice(0, 20)

/** What real backends have said, in the wrong order, again, cut, or changed; and what they would never say. */
function fakeExchange(random: Random, recorded: readonly Buffer[]): Buffer {
  const hex = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('hex')
  const fields = {
    nonce: ZERO,
    pid: '1',
    statement: '1',
    address: random.pick(['127.0.0.1:1', null, 5, 'x'.repeat(500)]),
    server: random.pick(['1', null, 5, 'x']),
  }
  const parts = [random.pick(recorded), ...random.times(4, () => random.pick(recorded))].map(bytes => {
    switch (random.below(6)) {
      case 0: {
        const changed = Buffer.from(bytes)
        const at = random.below(changed.length)
        changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8))
        return changed
      }
      case 1:
        return random.pick([
          wire.query(`HELLO ${hex(fields)}`),
          wire.query(`LIST ${ZERO} ${hex({ call: { pid: 1, statement: '1' }, account: account.name })}`),
          wire.query('DATA t AAAAAAAAAAAA 0123456789abcdef\nrows'),
          wire.query('SELECT 1'),
          wire.query(''),
          wire.parse('SELECT 1'),
          wire.sync,
          wire.copyData('x'),
          message('p'.charCodeAt(0), Buffer.from('secret\0')),
          Buffer.from([0x51, 0x3f, 0xff, 0xff, 0xff]),
          Buffer.from([0x51, 0, 0, 0, 3]),
          wire.query('x'.repeat(5_000_000)),
          Buffer.from(random.times(100, () => random.below(256))),
        ])
      default:
        return bytes
    }
  })
  const all = Buffer.concat(parts)
  return random.chance(0.2) ? all.subarray(0, random.below(all.length)) : all
}

async function dial(stack: CopyStack, bytes: Buffer): Promise<string[]> {
  const client = await WireClient.open(stack.url())
  client.send(startupPacket({ user: LOOPBACK_NAME, database: LOOPBACK_NAME, client_encoding: 'UTF8' }))
  const told = await client.until('Z')
  client.send(bytes)
  client.halfClose()
  told.push(...(await client.until('EOF')))
  client.kill('fin')
  return told
}

/** Messages as real backends write them, with proofs that hold, for other nonces than will be asked for. */
async function provedElsewhere(stack: CopyStack): Promise<Buffer[]> {
  const recorded: Buffer[] = []
  const { host, port } = stack.proxy.address
  const { rows: captured } = await stack.client.query(
    `SELECT azure_storage_private.proved_request(ARRAY['${ZERO}', '${ZERO}'], verb, jsonb_build_object(
       'access', azure_storage_private.access(c, '${account.name}', 'box', false), 'account', '${account.name}', 'container', '${stack.container.containerName}',
       'prefix', '', 'path', CASE verb WHEN 'OPEN' THEN 'replayed.txt' ELSE 'secret.txt' END, 'decoder', 'text', 'encoder', 'text', 'compression', 'none', 'columns', '[{"name": "a", "oid": 25, "typmod": -1}]'::jsonb)) AS text,
       pg_backend_pid()::text AS pid, azure_storage_private.statement_microseconds() AS statement,
       azure_storage_private.server_start() AS server
     FROM azure_storage_private.caller AS c, unnest(ARRAY['LIST', 'GET', 'OPEN', 'SEAL', 'PING', 'CANCEL']) AS verb`,
  )
  for (const { text, pid, statement, server } of captured) {
    const hello = { nonce: ZERO, pid, statement, server, address: `${host}:${port}` }
    recorded.push(wire.query(`HELLO ${Buffer.from(JSON.stringify(hello)).toString('hex')}`), wire.query(text))
  }
  return recorded
}

async function secretsOf(stack: CopyStack): Promise<string[]> {
  const { rows } = await stack.client.query(`SELECT encode(mac_key, 'hex') AS hex, encode(mac_key, 'base64') AS base64,
    (SELECT sealed_credentials FROM azure_storage.accounts WHERE account_name = '${account.name}') AS sealed FROM azure_storage_private.sealing_key`)
  return [account.key, ...Object.values(rows[0] as Record<string, string>)]
}
