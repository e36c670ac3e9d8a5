import type { Transfer } from './transfer.ts'

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** How far the transfers of one statement are, as its client reads it: ASCII, and nothing that somebody has chosen. */
export function progressText(transfers: readonly Transfer[]): string {
  const [first] = transfers
  const parts = transfers.length === 1 && first ? ofOne(first) : ofMany(transfers)
  return `azure_storage: ${parts.filter(part => part !== undefined).join(', ')}`
}

function ofOne(transfer: Transfer): (string | undefined)[] {
  const { facts, state, bytes, totalBytes } = transfer
  const isImport = facts.direction === 'import'
  if (state === 'committing') return [`committing ${size(bytes)}`, rows(transfer.rows)]
  if (state === 'spooling' && !isImport) return ['writing the file', rows(transfer.rows)]
  const far = isImport && totalBytes ? `${percent(bytes, totalBytes)} % of ${size(totalBytes)}` : size(bytes)
  return [
    state === 'spooling' ? 'copying the file' : undefined,
    far,
    rows(transfer.rows),
    rate(transfer.bytesPerSecond),
  ]
}

function ofMany(transfers: readonly Transfer[]): (string | undefined)[] {
  const sum = (of: (transfer: Transfer) => number): number => transfers.reduce((all, each) => all + of(each), 0)
  const bytes = sum(transfer => transfer.bytes)
  const perSecond = sum(transfer => transfer.bytesPerSecond)
  return [`${transfers.length} blobs`, size(bytes), rows(sum(transfer => transfer.rows ?? 0)), rate(perSecond)]
}

const percent = (bytes: number, total: number): number => Math.min(100, Math.floor((100 * bytes) / total))
const rate = (bytesPerSecond: number): string => `${size(bytesPerSecond)}/s`
const rows = (count: number | undefined): string | undefined =>
  count === undefined ? undefined : `${count.toLocaleString('en')} rows`

/** As pg_size_pretty() has it. */
function size(bytes: number): string {
  let unit = 0
  let rest = bytes
  for (; rest >= 10 * 1024 && unit < UNITS.length - 1; unit++) rest /= 1024
  return `${Math.round(rest)} ${UNITS[unit]}`
}
