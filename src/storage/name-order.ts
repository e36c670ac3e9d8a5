/** Sorted at once. */
const SMALL = 256

/** By the bytes of UTF-8, where what takes two units of UTF-16 comes last. */
export function compareNames(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  let i = 0
  while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++
  return i === end ? a.length - b.length : rank(a.charCodeAt(i)) - rank(b.charCodeAt(i))
}

const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** Many of them take long to sort: `pause` is asked now and then to let others have their turn. */
export async function sortNames(names: readonly string[], pause: () => Promise<void> | undefined): Promise<string[]> {
  if (names.length <= SMALL) return [...names].sort(compareNames)
  const half = names.length >>> 1
  const left = await sortNames(names.slice(0, half), pause)
  const right = await sortNames(names.slice(half), pause)
  const merged: string[] = []
  for (let i = 0, j = 0; i + j < names.length; ) {
    if ((i + j) % SMALL === 0) await pause()
    const [a, b] = [left[i], right[j]]
    const isLeft = b === undefined || (a !== undefined && compareNames(a, b) <= 0)
    merged.push((isLeft ? a : b) as string)
    if (isLeft) i++
    else j++
  }
  return merged
}
