import { parseArgs } from 'node:util'

/** A command line or environment that makes no sense; the message is one line for the user. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** What the user gave for one option, under the name that it was given by: `--listen` or `BLOBGRES_LISTEN`. */
export interface Given {
  readonly name: string
  readonly value: string
}

export interface Address {
  readonly host: string
  readonly port: number
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads options from flags, else from the environment (`--tls-cert`, else `BLOBGRES_TLS_CERT`). The result looks one up;
 * a flag that is given several times is joined by commas.
 */
export function readOptions(
  argv: readonly string[],
  env: Environment,
  names: readonly string[],
): (name: string) => Given | undefined {
  const flags = parseFlags(argv, names)
  return name => {
    const flag = flags[name]?.join(',')
    if (flag !== undefined) return { name: `--${name}`, value: flag }
    const variable = `BLOBGRES_${name.toUpperCase().replaceAll('-', '_')}`
    // Empty counts as absent, as compose files and unit files leave variables empty.
    return env[variable] ? { name: variable, value: env[variable] } : undefined
  }
}

function parseFlags(argv: readonly string[], names: readonly string[]): Readonly<Record<string, string[] | undefined>> {
  const options = Object.fromEntries(names.map(name => [name, { type: 'string', multiple: true } as const]))
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values
  } catch (error) {
    // Only the first sentence says what is wrong, the others teach how to escape arguments.
    throw new ConfigError((error as Error).message.split(/\.?\s*\n|\. /)[0])
  }
}

/** The error for a bad value. Not for secrets: it shows the value. */
export function badValue({ name, value }: Given, expected: string): ConfigError {
  return new ConfigError(`${name}: ${JSON.stringify(value)} is not ${expected}`)
}

/** `host:port`, with brackets around an IPv6 host. */
export function parseAddress(given: Given): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(given.value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw badValue(given, 'host:port')
  return { host, port }
}

export function parsePort(given: Given): number {
  if (!/^\d{1,5}$/.test(given.value) || Number(given.value) > 65_535) throw badValue(given, 'a port number')
  return Number(given.value)
}

export function parseSeconds(given: Given): number {
  if (!/^\d+(\.\d+)?$/.test(given.value)) throw badValue(given, 'a number of seconds')
  return Number(given.value)
}

export function parseCount(given: Given): number {
  if (!/^[1-9]\d{0,3}$/.test(given.value)) throw badValue(given, 'a number from 1 to 9999')
  return Number(given.value)
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
