import { describe, expect, test } from 'vitest'
import { servers, type TestServer } from '../support/servers.ts'

/** One kind of attacker. It goes on for as long as `goesOn` says, or until it has tried everything once. */
export interface Attack {
  readonly name: string
  /** As many attempts are enough where nobody has asked for minutes. */
  readonly enough: number
  run(context: AttackContext): Promise<AttackReport>
}

export interface AttackContext {
  readonly server: TestServer
  /** What is random follows from it. */
  readonly seed: number
  /** Whether more is to be tried after so many attempts; else end with what was found until then. */
  goesOn(attempts: number): boolean
}

export interface AttackReport {
  /** How many things were tried. */
  readonly attempts: number
  /** What got through, in words that are enough to try it again. Empty: everything held. */
  readonly findings: readonly string[]
  /** Figures for docs/security.md, such as times and memory. */
  readonly figures?: Readonly<Record<string, number>>
}

/** `npm run attack` sets these; else each attack has its number of attempts, and its seed stays the same. */
const MINUTES = Number(process.env.ATTACK_MINUTES ?? 0)
const SEED = Number(process.env.ATTACK_SEED ?? 1)
/** Attacks that share the minutes: two run at a time, each on two servers. */
const ATTACKS = 5

/** The test of an attack, on each server. */
export function testAttack(attack: Attack): void {
  const seconds = (MINUTES * 60) / ATTACKS
  describe.each(servers)(`${attack.name} on PostgreSQL $version`, server => {
    test('nothing gets through', { timeout: (seconds + 120) * 1000 }, async () => {
      const end = performance.now() + seconds * 1000
      const goesOn = (attempts: number): boolean =>
        MINUTES > 0 ? attempts === 0 || performance.now() < end : attempts < attack.enough
      const { attempts, findings, figures } = await attack.run({ server, seed: SEED, goesOn })
      if (MINUTES > 0) console.log(`${attack.name}, PostgreSQL ${server.version}: ${attempts} attempts`, figures ?? '')
      expect(findings).toEqual([])
      expect(attempts).toBeGreaterThan(0)
    })
  })
}
