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
}

/**
 * Runs all in turn, `rounds` times, every other time in reverse, and compares round by round.
 * Ours is always next to both that it is compared with.
 */
export async function measure(pair: Pair, rounds: number, old?: () => Promise<number>): Promise<Line> {
  const { name, against, unit, once } = pair
  const runs = [() => pair.theirs(), () => pair.ours(), ...(old ? [old] : [])]
  const results: number[][] = runs.map(() => [])
  const count = once ? 1 : rounds
  for (let round = 0; round < count; round++) {
    const order = [...runs.keys()]
    for (const i of round % 2 === 0 ? order : order.reverse())
      results[i]?.push(await (runs[i] as () => Promise<number>)())
  }
  const [theirs, ours, olds] = results as [number[], number[], number[]?]
  const ratioBy = (others: number[]): number => median(ours.map((each, round) => each / (others[round] as number)))
  return {
    name,
    against,
    unit,
    ours: median(ours),
    theirs: median(theirs),
    ratio: ratioBy(theirs),
    rounds: count,
    ...(olds && { old: median(olds), byOld: ratioBy(olds) }),
  }
}

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
