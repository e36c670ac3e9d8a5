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
  const children = childrenOf(pid).reduce((sum, child) => sum + processorTimeOf(child.pid), 0)
  return children + ownTime(pid)
}

function ownTime(pid: number): number {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return 0 // it has ended
  }
  // After the second field, a name in brackets: state, parent, …, utime and stime, those of the children that have ended.
  const fields = stat.split(')').at(-1)?.trim().split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND
}

export const processorTimeBetween = (before: ProcessorTime, after: ProcessorTime): ProcessorTime => ({
  server: after.server - before.server,
  proxy: after.proxy - before.proxy,
  storage: after.storage - before.storage,
})
