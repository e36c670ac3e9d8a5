import v8 from 'node:v8'

/** To three times of what is in use, which is less than V8 allows where it finds that it collects too often. */
const GROWTH = '--heap-growing-percent=200'
const USUAL_GROWTH = '--heap-growing-percent=0'

let underWay = 0

/*
 * What is read in bulk comes in buffers, and some 10 MB of them make V8 go through all of a small heap, where hardly
 * anything else is new: that takes more than all else done to the bytes. So while something is under way the heap may
 * grow more between two times; an idle proxy keeps its memory small.
 */

export function bulkBegins(): void {
  if (underWay++ === 0) v8.setFlagsFromString(GROWTH)
}

export function bulkEnds(): void {
  if (--underWay === 0) v8.setFlagsFromString(USUAL_GROWTH)
}
