import { Instant } from './reference.ts'

const DAY_MS = 86_400_000
const DAYS_OF_400_YEARS = 146_097n
const NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g
const DATE = /^(\d{4,})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?)?(?:\+00(?::00)?)?( BC)?$/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v' }

/** A value of COPY's text format; null for \N. */
export const unescaped = (text: string): string | null =>
  text === '\\N' ? null : text.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter)

/** JSON with its numbers as texts that begin with #: no digit is lost. */
export const exactJson = (text: string): unknown =>
  JSON.parse(text.replace(NUMBERS, found => (found.startsWith('"') ? found : `"#${found}"`)))

/** Undefined: they are the same. Else what differs. */
export function difference(ours: unknown, reference: unknown, path: string): string | undefined {
  if (reference === null || reference === undefined) return ours === null ? undefined : differs(path, ours, reference)
  if (Array.isArray(reference) || (ArrayBuffer.isView(reference) && !(reference instanceof Uint8Array))) {
    const items = Array.from(reference as ArrayLike<unknown>)
    if (!Array.isArray(ours) || ours.length !== items.length) return differs(path, ours, reference)
    return first(items.map((item, i) => () => difference(ours[i], item, `${path}[${i}]`)))
  }
  if (isPlainObject(reference)) {
    if (!isPlainObject(ours)) return differs(path, ours, reference)
    const names = new Set([...Object.keys(ours), ...Object.keys(reference)])
    return first([...names].map(name => () => difference(ours[name] ?? null, reference[name], `${path}.${name}`)))
  }
  return sameScalar(ours, reference) ? undefined : differs(path, ours, reference)
}

function sameScalar(ours: unknown, reference: unknown): boolean {
  if (typeof reference === 'boolean') return ours === reference || ours === String(reference)
  if (typeof ours !== 'string') return false
  const number = ours.startsWith('#') ? ours.slice(1) : ours
  if (typeof reference === 'bigint') return number === String(reference) || ours === timeText(reference)
  if (reference instanceof Instant) return microsOf(ours) === roundedMicros(reference.nanos)
  if (reference instanceof Date) return (microsOf(ours) ?? 0n) / 1000n === BigInt(reference.getTime())
  if (typeof reference === 'number') return sameNumber(numberOf(number), reference)
  if (reference instanceof Uint8Array) {
    return [hexText(reference), engineText(reference), Buffer.from(reference).toString()].includes(ours)
  }
  return ours === reference
}

/** As PostgreSQL rounds. */
const roundedMicros = (nanos: bigint): bigint => (nanos + 500n - ((((nanos + 500n) % 1000n) + 1000n) % 1000n)) / 1000n

function numberOf(text: string): number {
  const special = /^(-?)(nan|inf)/i.exec(text)
  if (!special) return Number(text)
  return special[2]?.toLowerCase() === 'nan' ? Number.NaN : special[1] ? -Infinity : Infinity
}

const hexText = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`

/** DuckDB's, which it gives of bytes in a VARIANT. */
const engineText = (bytes: Uint8Array): string =>
  Array.from(bytes, byte =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')

/** Microseconds of the day. */
function timeText(micros: bigint): string {
  const at = new Date(Number(micros / 1000n)).toISOString()
  return `${at.slice(11, 19)}.${String(micros % 1_000_000n).padStart(6, '0')}`
}

/** The reference's decimals are binary fractions. */
const sameNumber = (ours: number, reference: number): boolean =>
  Object.is(ours, reference) ||
  Object.is(Math.fround(ours), reference) ||
  (Math.abs(ours - reference) <= Math.abs(reference) * 1e-15 && !Object.is(ours, -reference))

function microsOf(text: string): bigint | undefined {
  const found = DATE.exec(text)
  if (!found) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', bc] = found
  // 400 years are as many days wherever they begin, and a Date does not go as far as PostgreSQL.
  const ahead = Math.floor((bc ? 1 - Number(year) : Number(year)) / 400)
  const at = Date.UTC(2000 + (bc ? 1 - Number(year) : Number(year)) - ahead * 400, Number(month) - 1, Number(day))
  const days = BigInt(Math.floor(at / DAY_MS)) + BigInt(ahead - 5) * DAYS_OF_400_YEARS
  const seconds = days * 86_400n + BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(second))
  const nanos = BigInt(fraction.padEnd(9, '0'))
  return seconds * 1_000_000n + (nanos + 500n) / 1000n
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) === Object.prototype

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check()
    if (found !== undefined) return found
  }
  return undefined
}

const show = (value: unknown): string =>
  (
    JSON.stringify(value, (_, part) =>
      typeof part === 'bigint' ? `${part}n` : part instanceof Instant ? `${part.nanos}ns` : part,
    ) ?? 'undefined'
  ).slice(0, 120)

const differs = (path: string, ours: unknown, reference: unknown): string =>
  `${path}: ${show(ours)} and not ${show(reference)}`
