import type { TestServer } from '../support/servers.ts'

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
