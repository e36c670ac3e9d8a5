import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The processes of Parquet engines that this process has, beside the one that waits for the next job. */
export function busyEngines(): number {
  const own = readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && isOwnEngine(pid))
  return Math.max(0, own.length - 1)
}

function isOwnEngine(pid: string): boolean {
  try {
    const parent = / (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) \S/, ''))?.[1]
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('engine-process')
  } catch {
    return false // it has ended
  }
}

/** Waits until a condition holds; its last word if it never does. */
export async function eventually<T>(look: () => T, expected: T, seconds = 5): Promise<T> {
  for (let i = 0; i < seconds * 20; i++) {
    if (look() === expected) break
    await sleep(50)
  }
  return look()
}
