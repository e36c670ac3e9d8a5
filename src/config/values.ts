/** A command line or environment that makes no sense; the message is one line for the user. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** What the user gave for one option, under the name that it was given by: `--listen` or `BLOBGRES_LISTEN`. */
export interface Given {
  readonly name: string
  readonly value: string
}

/** What a server that listens there is to be reached by on its own machine, where it listens at any address. */
export const reachableHost = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host

export interface Address {
  readonly host: string
  readonly port: number
}

/** The error for a bad value. Not for secrets: it shows the value. */
export function badValue({ name, value }: Given, expected: string): ConfigError {
  return new ConfigError(`${name}: ${JSON.stringify(value)} is not ${expected}`)
}

export function parseText({ value }: Given): string {
  return value
}

/** `host:port`, with brackets around an IPv6 host. */
export function parseAddress(given: Given): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(given.value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw badValue(given, 'host:port')
  return Object.freeze({ host, port })
}

export function parsePort(given: Given): number {
  if (!/^\d{1,5}$/.test(given.value) || Number(given.value) > 65_535) throw badValue(given, 'a port number')
  return Number(given.value)
}

export function parseCount(given: Given): number {
  if (!/^[1-9]\d{0,3}$/.test(given.value)) throw badValue(given, 'a number from 1 to 9999')
  return Number(given.value)
}

/** Seconds, as milliseconds. */
export function parseSeconds(given: Given): number {
  if (!/^\d+(\.\d+)?$/.test(given.value)) throw badValue(given, 'a number of seconds')
  return Number(given.value) * 1000
}

const BYTES_OF_UNIT: Readonly<Record<string, number>> = { '': 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 }

/** With PostgreSQL's units, `32GB`. */
export function parseBytes(given: Given): number {
  const [, digits, unit = ''] = /^(\d{1,15}) ?(kB|MB|GB|TB)?$/.exec(given.value) ?? []
  if (digits === undefined) throw badValue(given, 'a number of bytes, such as 500MB or 32GB')
  return Number(digits) * (BYTES_OF_UNIT[unit] as number)
}

export function parseOneOf<T extends string>(given: Given, allowed: readonly T[]): T {
  const found = allowed.find(each => each === given.value)
  if (found === undefined) throw badValue(given, `one of ${allowed.join(', ')}`)
  return found
}

const SWITCH: Readonly<Record<string, boolean>> = {
  ...{ on: true, true: true, yes: true, 1: true },
  ...{ off: false, false: false, no: false, 0: false },
}

export function parseSwitch(given: Given): boolean {
  const state = SWITCH[given.value.toLowerCase()]
  if (state === undefined) throw badValue(given, 'on or off')
  return state
}

/** Undefined where `text` is no URL. */
export function tryUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
