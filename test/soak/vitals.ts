import { readdir, readFile } from 'node:fs/promises'
import { median } from '../bench/measure.ts'

const SAMPLE_INTERVAL_MS = 1000

/** What processes hold at a moment. */
export interface Vitals {
  readonly rssMiB: number
  readonly descriptors: number
  readonly threads: number
}

export async function readVitals(pids: readonly number[]): Promise<Vitals> {
  const all = await Promise.all(pids.map(vitalsOf))
  const sum = (field: keyof Vitals): number => all.reduce((total, each) => total + each[field], 0)
  return { rssMiB: sum('rssMiB'), descriptors: sum('descriptors'), threads: sum('threads') }
}

async function vitalsOf(pid: number): Promise<Vitals> {
  const [status, descriptors] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readdir(`/proc/${pid}/fd`)])
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { rssMiB: field('VmRSS') / 1024, descriptors: descriptors.length, threads: field('Threads') }
}

export interface Watch {
  /** Medians of the first and of the last third of the time. */
  stop(): { readonly first: Vitals; readonly last: Vitals }
}

/** Looks at processes each second. */
export function watchVitals(pids: readonly number[]): Watch {
  const samples: Vitals[] = []
  const timer = setInterval(() => {
    readVitals(pids).then(
      vitals => samples.push(vitals),
      () => {},
    )
  }, SAMPLE_INTERVAL_MS)
  return {
    stop() {
      clearInterval(timer)
      const third = Math.floor(samples.length / 3)
      return { first: medians(samples.slice(0, third)), last: medians(samples.slice(-third)) }
    },
  }
}

function medians(samples: readonly Vitals[]): Vitals {
  const of = (field: keyof Vitals): number => median(samples.map(sample => sample[field]))
  return { rssMiB: of('rssMiB'), descriptors: of('descriptors'), threads: of('threads') }
}
