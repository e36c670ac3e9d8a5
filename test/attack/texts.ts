import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createDatabase } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { startReplica } from '../support/replicas.ts'
import { callProxyFrom } from '../support/stack.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'
import type { Attack, AttackContext, AttackReport } from './attack.ts'
import { type Bystander, startBystander } from './bystander.ts'
import { type HostileText, hostileTexts } from './hostile-texts.ts'

/** Far beyond what the machine's other work does to a bystander; and it must come again. */
const TOO_LONG_MS = 1000
const TRIES = 3
/** Then the client goes away: what it has under way ends. */
const PATIENCE_MS = 6000

/** Texts that take long to read, while somebody else's session goes on. */
export const texts: Attack = { name: 'hostile texts', enough: 12, run }

async function run({ server, seed, goesOn }: AttackContext): Promise<AttackReport> {
  const database = await createDatabase(server)
  const proxy = await startReplica(server)
  try {
    await callProxyFrom(server, database.name, proxy)
    const { host, port } = proxy.address
    const url = `postgres://${server.superuser}@${host}:${port}/${database.name}`
    await withExtension(url)
    const bystander = await startBystander(url)
    try {
      return await attack(url, bystander, new Random(seed), goesOn)
    } finally {
      bystander.close()
    }
  } finally {
    proxy.kill('SIGKILL')
    await proxy.ended
    await database.drop()
  }
}

async function attack(
  url: string,
  bystander: Bystander,
  random: Random,
  goesOn: AttackContext['goesOn'],
): Promise<AttackReport> {
  const all: number[] = []
  const worst: { name: string; ms: number }[] = []
  const findings: string[] = []
  for (const text of hostileTexts(random)) {
    if (!goesOn(worst.length)) break
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < TRIES && least > TOO_LONG_MS; i++) {
      const times = await timesDuring(text, url, bystander)
      all.push(...times)
      least = Math.min(least, Math.max(...times))
    }
    worst.push({ name: text.name, ms: least })
    if (least > TOO_LONG_MS) findings.push(`${text.name}: somebody else's SELECT 1 takes ${Math.round(least)} ms`)
  }
  const sorted = all.sort((a, b) => a - b)
  const at = (part: number): number => Math.round((sorted[Math.floor((sorted.length - 1) * part)] as number) * 10) / 10
  if (process.env.ATTACK_MINUTES) {
    for (const { name, ms } of worst.sort((a, b) => b.ms - a.ms).slice(0, 10))
      console.log(`${Math.round(ms)} ms: ${name}`)
  }
  return { attempts: worst.length, findings, figures: { medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) } }
}

async function timesDuring(text: HostileText, url: string, bystander: Bystander): Promise<readonly number[]> {
  await bystander.times()
  const client = await WireClient.connect(url)
  client.send(text.messages, wire.query("SELECT 'the end'"))
  await Promise.race([answered(client), sleep(PATIENCE_MS, undefined, { ref: false })])
  client.kill('reset')
  return bystander.times()
}

/** All replies have come, or the connection has ended. */
async function answered(client: WireClient): Promise<void> {
  for (;;) {
    const frame = await client.read()
    if (frame === undefined || frame.bytes.includes('the end')) return
  }
}

async function withExtension(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('CREATE EXTENSION azure_storage; CREATE TABLE t (a int)')
  await client.end()
}
