import type { Difference, Lane } from './lane.ts'
import type { Script } from './script.ts'

const PATIENCE_MS = 4000
const SHRINK_TIME_MS = 40_000
/** Some differences are a matter of time. */
const ATTEMPTS = 3

/** Leaves out messages one by one while the answers still differ. Undefined: alone, in new sessions, they do not. */
export async function shrink(lane: Lane, script: Script): Promise<Difference | undefined> {
  const deadline = performance.now() + SHRINK_TIME_MS
  let smallest: Difference | undefined
  for (let i = 0; i < ATTEMPTS && smallest === undefined; i++) smallest = await inNewSessions(lane, script)
  for (let i = 0; smallest && i < smallest.script.pieces.length && performance.now() < deadline; ) {
    const pieces = smallest.script.pieces.toSpliced(i, 1)
    const smaller = await inNewSessions(lane, { ...smallest.script, pieces })
    if (smaller) smallest = smaller
    else i++
  }
  return smallest
}

function inNewSessions(lane: Lane, script: Script): Promise<Difference | undefined> {
  lane.reconnect()
  return lane.compare(script, PATIENCE_MS)
}

export function describeDifference({ script, direct, proxied }: Difference): string {
  const at = direct.findIndex((line, i) => line !== proxied[i])
  const from = at < 0 ? direct.length : at
  const excerpt = (lines: readonly string[]): string =>
    lines
      .slice(Math.max(0, from - 3), from + 6)
      .map(line => `    ${line.slice(0, 400)}`)
      .join('\n')
  return [
    `seed ${script.seed}${script.ours ? ', with statements of ours' : ''}, cut: ${script.cut.how}, pause: ${script.cut.pause}`,
    ...script.pieces.map(({ label }) => `  > ${label.slice(0, 300)}`),
    `  direct, from message ${Math.max(0, from - 3)}:`,
    excerpt(direct),
    '  proxied:',
    excerpt(proxied),
  ].join('\n')
}
