import type { Outcome, Transfer } from './transfer.ts'

/** What transfers of one direction have come to since the proxy was started; those under way are not in it. */
export interface Totals extends Record<Outcome, number> {
  bytes: number
  rows: number
  ms: number
}

export const noTotals = (): Totals => ({ done: 0, failed: 0, cancelled: 0, bytes: 0, rows: 0, ms: 0 })

export function addTo(totals: Totals, { end, bytes, rows, ms }: Transfer): void {
  if (end) totals[end.outcome]++
  totals.bytes += bytes
  totals.rows += rows ?? 0
  totals.ms += Math.round(ms)
}
