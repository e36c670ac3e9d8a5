import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../support/servers.ts'
import { type Difference, type Lane, openLane } from './lane.ts'
import { describeDifference, shrink } from './report.ts'
import type { Script } from './script.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly runs: number
  /** Called now and then with the number of scripts that have run. */
  readonly onProgress: (done: number) => void
  readonly onDifference: (words: string) => void
}

const LANES = 3
/** Every so many scripts a lane begins with new sessions. */
const SESSION_SCRIPTS = 50
const PROGRESS_INTERVAL = 5000
const PATIENCE_MS = 30_000
const MOST_DIFFERENCES = 5
/** What a session hears that ends because another has crashed. Until the server has recovered a login is just refused. */
const CRASHED = /C=57P02/
const MOST_CRASHES = 3
const RECOVERY_MS = 2_000

/** Runs the scripts of so many seeds; every third has statements of ours in it. Resolves to the number of scripts that differ. */
export async function fuzz(server: TestServer, options: FuzzOptions): Promise<number> {
  const { seed, runs, onProgress, onDifference } = options
  let differences = 0
  let next = seed
  const lanes = await Promise.all(Array.from({ length: Math.min(LANES, runs) }, () => openLane(server)))
  await Promise.all(
    lanes.map(async lane => {
      for (let count = 1; next < seed + runs && differences < MOST_DIFFERENCES; count++) {
        const own = next++
        if (count % SESSION_SCRIPTS === 0) lane.reconnect()
        const difference = await compare(lane, lane.script(own, own % 3 === 0))
        if (difference) {
          differences++
          onDifference(await explain(lane, difference))
        }
        if ((own - seed + 1) % PROGRESS_INTERVAL === 0) onProgress(own - seed + 1)
      }
    }),
  )
  await Promise.all(lanes.map(lane => lane.close()))
  return differences
}

/**
 * Some scripts crash PostgreSQL itself, in what sessions have done before (seen with 15.18 and 18.4, and without a proxy).
 * All sessions end with it: what was under way is repeated in new ones.
 */
async function compare(lane: Lane, script: Script): Promise<Difference | undefined> {
  for (let crashes = 0; ; crashes++) {
    const difference = await lane.compare(script, PATIENCE_MS)
    const hasCrashed = difference && [difference.direct, difference.proxied].some(tellsOfCrash)
    if (!hasCrashed || crashes === MOST_CRASHES) return difference
    lane.reconnect()
    await sleep(RECOVERY_MS)
  }
}

const tellsOfCrash = (lines: readonly string[]): boolean =>
  lines[0] === 'closed' || lines.some(line => CRASHED.test(line))

async function explain(lane: Lane, difference: Difference): Promise<string> {
  const smallest = await shrink(lane, difference.script)
  lane.reconnect()
  return smallest
    ? describeDifference(smallest)
    : `(only after the scripts before it) ${describeDifference(difference)}`
}
