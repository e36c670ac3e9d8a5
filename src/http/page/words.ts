const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

/** As PostgreSQL's pg_size_pretty(), with three digits. */
export function bytes(count: number): string {
  let [value, unit] = [count, 0]
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${UNITS[unit]}`
}

export const count = (value: number): string => value.toLocaleString('en')

export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export const timeOfDay = (iso: string): string => new Date(iso).toLocaleTimeString(undefined, { hour12: false })
