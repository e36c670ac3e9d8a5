import { type ProcessorTime, processorTimeBetween } from './processor-time.ts'

/** Two things to measure beside each other in the same run. */
export interface Pair {
  readonly name: string
  readonly against: string
  readonly unit: string
  ours(): Promise<number>
  theirs(): Promise<number>
  /** One round tells it all. */
  readonly once?: true
}

/** What came of a pair: what counts is the ratio, the seconds only show the scale. */
export interface Line {
  readonly name: string
  readonly against: string
  readonly unit: string
  readonly ours: number
  readonly theirs: number
  /** Median of the rounds' ratios. */
  readonly ratio: number
  readonly rounds: number
  /** Ours with an older proxy, and the median of the rounds' ratios, new by old. */
  readonly old?: number
  readonly byOld?: number
  /** Medians, of ours. */
  readonly processors?: ProcessorTime
}

export interface MeasureOptions {
  readonly rounds: number
  /** Ours with an older proxy. */
  readonly old?: (() => Promise<number>) | undefined
  /** Had so far. */
  readonly processorTime?: (() => ProcessorTime) | undefined
}

/**
 * Runs all in turn, `rounds` times, every other time in reverse, and compares round by round.
 * Ours is always next to both that it is compared with.
 */
export async function measure(pair: Pair, { rounds, old, processorTime }: MeasureOptions): Promise<Line> {
  const { name, against, unit, once } = pair
  const times: ProcessorTime[] = []
  const ours = async (): Promise<number> => {
    const before = processorTime?.()
    const result = await pair.ours()
    if (before && processorTime) times.push(processorTimeBetween(before, processorTime()))
    return result
  }
  const runs = [() => pair.theirs(), ours, ...(old ? [old] : [])]
  const results: number[][] = runs.map(() => [])
  const count = once ? 1 : rounds
  for (let round = 0; round < count; round++) {
    const order = [...runs.keys()]
    for (const i of round % 2 === 0 ? order : order.reverse())
      results[i]?.push(await (runs[i] as () => Promise<number>)())
  }
  const [theirs, own, olds] = results as [number[], number[], number[]?]
  const ratioBy = (others: number[]): number => median(own.map((each, round) => each / (others[round] as number)))
  return {
    name,
    against,
    unit,
    ours: median(own),
    theirs: median(theirs),
    ratio: ratioBy(theirs),
    rounds: count,
    ...(olds && { old: median(olds), byOld: ratioBy(olds) }),
    ...(times.length > 0 && { processors: medians(times) }),
  }
}

const medians = (times: readonly ProcessorTime[]): ProcessorTime => ({
  server: median(times.map(({ server }) => server)),
  proxy: median(times.map(({ proxy }) => proxy)),
  storage: median(times.map(({ storage }) => storage)),
})

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
