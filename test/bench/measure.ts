/** One thing measured beside another in the same run: what counts is the ratio, the seconds only show the scale. */
export interface Line {
  readonly name: string
  readonly against: string
  readonly unit: string
  readonly ours: number
  readonly theirs: number
  /** Median of the rounds' ratios. */
  readonly ratio: number
  readonly rounds: number
}

/** Runs the two in turn, `rounds` times, swapping who goes first, and compares pair by pair. */
export async function compare(
  name: string,
  against: string,
  unit: string,
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Line> {
  const pairs: { ours: number; theirs: number }[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await ours()
      pairs.push({ ours: first, theirs: await theirs() })
    } else {
      const first = await theirs()
      pairs.push({ ours: await ours(), theirs: first })
    }
  }
  return {
    name,
    against,
    unit,
    ours: median(pairs.map(pair => pair.ours)),
    theirs: median(pairs.map(pair => pair.theirs)),
    ratio: median(pairs.map(pair => pair.ours / pair.theirs)),
    rounds,
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
