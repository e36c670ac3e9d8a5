import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../support/servers.ts'
import { type Difference, type Lane, openLane } from './lane.ts'
import { describeDifference, shrink } from './report.ts'
import type { Script } from './script.ts'
import { Witness } from './witness.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly runs: number
  /** Called now and then: how many scripts have run, how often the server has crashed. */
  readonly onProgress: (done: number, crashes: number) => void
  readonly onDifference: (words: string) => void
}

const LANES = 3
/** Every so many scripts a lane begins with new sessions. */
const SESSION_SCRIPTS = 50
const PROGRESS_INTERVAL = 5000
const PATIENCE_MS = 30_000
const MOST_DIFFERENCES = 5
const MOST_ATTEMPTS = 4
/** A crash ends all sessions within such a time. */
const CRASH_MS = 300

/** Runs the scripts of so many seeds; every third has statements of ours in it. Resolves to the number of scripts that differ. */
export async function fuzz(server: TestServer, options: FuzzOptions): Promise<number> {
  const { seed, runs, onProgress, onDifference } = options
  let differences = 0
  let next = seed
  const witness = new Witness(server)
  const lanes = await Promise.all(Array.from({ length: Math.min(LANES, runs) }, () => openLane(server)))
  await Promise.all(
    lanes.map(async lane => {
      for (let count = 1; next < seed + runs && differences < MOST_DIFFERENCES; count++) {
        const own = next++
        if (count % SESSION_SCRIPTS === 0) lane.reconnect()
        const difference = await compare(lane, lane.script(own, own % 3 === 0), witness)
        if (difference) {
          differences++
          onDifference(await explain(lane, difference))
        }
        const done = own - seed + 1
        if (done % PROGRESS_INTERVAL === 0) onProgress(done, await witness.crashes())
      }
    }),
  )
  await Promise.all(lanes.map(lane => lane.close()))
  await witness.close()
  return differences
}

/**
 * Some scripts crash PostgreSQL itself, in what sessions have done before (seen with 15.18 and 18.4, and without a proxy).
 * All sessions end with it: what was under way is repeated in new ones.
 */
async function compare(lane: Lane, script: Script, witness: Witness): Promise<Difference | undefined> {
  for (let attempt = 1; ; attempt++) {
    const crashes = await witness.crashes()
    const difference = await lane.compare(script, PATIENCE_MS)
    if (difference === undefined || attempt === MOST_ATTEMPTS) return difference
    await sleep(CRASH_MS)
    if ((await witness.crashes()) === crashes) return difference
    lane.reconnect()
  }
}

async function explain(lane: Lane, difference: Difference): Promise<string> {
  const smallest = await shrink(lane, difference.script)
  lane.reconnect()
  return smallest
    ? describeDifference(smallest)
    : `(only after the scripts before it) ${describeDifference(difference)}`
}
