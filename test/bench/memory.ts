import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf } from '../support/processes.ts'
import { type BenchStack, peakRss } from './bench-stack.ts'

const WATCH_INTERVAL_MS = 100

/** Peaks of resident memory, in MiB. */
export interface Peak {
  readonly proxy: number
  /** The largest of its children, such as the process that reads and writes Parquet. */
  readonly child: number
  /** Of the proxy and its children at one time. */
  readonly together: number
}

/** What a proxy takes for `work`, started for it. */
export async function peakOf(stack: BenchStack, work: () => Promise<unknown>): Promise<Peak> {
  await stack.restartProxy()
  const pid = stack.proxyPid
  let over = false
  const ended = work().finally(() => {
    over = true
  })
  let child = 0
  let together = 0
  while (!over) {
    const children = childrenOf(pid).map(each => each.pid)
    // A child that has just ended has none.
    const peaks = children.map(each => peakRss(each).catch(() => 0))
    child = Math.max(child, ...(await Promise.all(peaks)))
    together = Math.max(together, await rssOf([pid, ...children]))
    await Promise.race([sleep(WATCH_INTERVAL_MS), ended])
  }
  await ended
  const proxy = await peakRss(pid)
  return { proxy, child, together: Math.max(together, proxy) }
}

/** Of the proxy and its children, now. */
export function rssOfProxy({ proxyPid }: BenchStack): Promise<number> {
  return rssOf([proxyPid, ...childrenOf(proxyPid).map(({ pid }) => pid)])
}

async function rssOf(pids: readonly number[]): Promise<number> {
  const statuses = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')))
  return statuses.reduce((sum, status) => sum + Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024, 0)
}
