import { describe, expect, test } from 'vitest'
import { servers, type TestServer } from '../support/servers.ts'

/** One kind of attacker. It goes on until `signal` is aborted, or it has tried everything once. */
export interface Attack {
  readonly name: string
  run(context: AttackContext): Promise<AttackReport>
}

export interface AttackContext {
  readonly server: TestServer
  /** What is random follows from it. */
  readonly seed: number
  /** Aborted when the time is over: end with what was found until then. */
  readonly signal: AbortSignal
}

export interface AttackReport {
  /** How many things were tried. */
  readonly attempts: number
  /** What got through, in words that are enough to try it again. Empty: everything held. */
  readonly findings: readonly string[]
  /** Figures for docs/security.md, such as times and memory. */
  readonly figures?: Readonly<Record<string, number>>
}

/** `npm run attack` sets these; else each attack has some seconds, and its seed stays the same. */
const MINUTES = Number(process.env.ATTACK_MINUTES ?? 0)
const SEED = Number(process.env.ATTACK_SEED ?? 1)
const SHORT_SECONDS = 8
/** Attacks that share the minutes: two run at a time, each on two servers. */
const ATTACKS = 5

/** The test of an attack, on each server. */
export function testAttack(attack: Attack): void {
  const seconds = MINUTES > 0 ? (MINUTES * 60) / ATTACKS : SHORT_SECONDS
  describe.each(servers)(`${attack.name} on PostgreSQL $version`, server => {
    test('nothing gets through', { timeout: (seconds + 120) * 1000 }, async () => {
      const signal = AbortSignal.timeout(seconds * 1000)
      const { attempts, findings, figures } = await attack.run({ server, seed: SEED, signal })
      if (MINUTES > 0) console.log(`${attack.name}, PostgreSQL ${server.version}: ${attempts} attempts`, figures ?? '')
      expect(findings).toEqual([])
      expect(attempts).toBeGreaterThan(0)
    })
  })
}
