import { readFileSync } from 'node:fs'
import { childrenOf } from '../support/processes.ts'

/** Of /proc; on Linux for everything that people run. */
const TICKS_A_SECOND = 100

/** Seconds of processor time that each has had, with its children. */
export interface ProcessorTime {
  readonly server: number
  readonly proxy: number
  readonly storage: number
}

/** Of a process, of its children that have ended, and of theirs that have not. */
export function processorTimeOf(pid: number): number {
  for (;;) {
    const before = timesOf(pid)
    const living = childrenOf(pid).reduce((sum, child) => sum + processorTimeOf(child.pid), 0)
    // One that ended in the meantime would be counted twice, or not at all.
    if (timesOf(pid).ended === before.ended) return before.own + before.ended + living
  }
}

/** A process's own, and that of its children that have ended. */
function timesOf(pid: number): { readonly own: number; readonly ended: number } {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return { own: 0, ended: 0 } // it has ended
  }
  // After the second field, a name in brackets: state, parent, …, utime and stime, and both of children that have ended.
  const ticks = (stat.split(')').at(-1)?.trim().split(' ') ?? []).slice(11, 15).map(Number)
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = ticks.map(each => each / TICKS_A_SECOND)
  return { own: user + system, ended: endedUser + endedSystem }
}

export const processorTimeBetween = (before: ProcessorTime, after: ProcessorTime): ProcessorTime => ({
  server: after.server - before.server,
  proxy: after.proxy - before.proxy,
  storage: after.storage - before.storage,
})
