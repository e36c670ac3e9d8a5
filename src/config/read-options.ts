import { Command } from 'commander'
import type { CommandName } from './commands.ts'
import { defaultOf, OPTIONS, type OptionRow, optionsOf, variableOf } from './options.ts'
import type { Environment } from './usual-variables.ts'
import { ConfigError, type Given } from './values.ts'

export type { Environment }

/** The flags of a command line: what was given for each option, as often as it was given. */
export type Flags = Readonly<Record<string, readonly string[] | undefined>>

type Rows = typeof OPTIONS
type KeysOf<C extends CommandName> = {
  [K in keyof Rows]: C extends Rows[K]['commands'][number] ? K : never
}[keyof Rows]
type WithDefault<C extends CommandName> = {
  [K in keyof Rows]: Rows[K] extends { default: string | Readonly<Record<C, string>> } ? K : never
}[keyof Rows]

/** The values of a command's options. One that is not given and has no default is absent. */
export type Values<C extends CommandName> = {
  readonly [K in KeysOf<C> & WithDefault<C>]: ReturnType<Rows[K]['parse']>
} & { readonly [K in Exclude<KeysOf<C>, WithDefault<C>>]?: ReturnType<Rows[K]['parse']> }

/**
 * Reads a command's options from flags, else from environments, the first of which wins, else from their defaults.
 *
 * @throws ConfigError
 */
export function readOptions<C extends CommandName>(
  command: C,
  flags: Flags,
  ...environments: readonly Environment[]
): Values<C> {
  for (const env of environments) refuseMistyped(env)
  const values: Record<string, unknown> = {}
  for (const [key, row] of optionsOf(command)) {
    const given = giveOption(row, command, flags, environments)
    if (given !== undefined) values[key] = row.parse(given)
  }
  return values as Values<C>
}

function giveOption(
  row: OptionRow<unknown>,
  command: CommandName,
  flags: Flags,
  environments: readonly Environment[],
): Given | undefined {
  const flag = row.secret ? undefined : flags[row.name]
  if (flag !== undefined) return { name: `--${row.name}`, value: flag.join(',') }
  const variable = variableOf(row)
  for (const env of environments) {
    // Empty counts as absent, as compose files and unit files leave variables empty.
    const value = env[variable]
    if (value && !isServiceLink(variable, value)) return { name: variable, value }
    const usual = row.usual?.(env, command)
    if (usual !== undefined) return usual
  }
  const byDefault = defaultOf(row, command)
  return byDefault === undefined ? undefined : { name: `--${row.name}`, value: byDefault }
}

/** Beside a service `blobgres`, Kubernetes and Docker's links set BLOBGRES_PORT: `tcp://10.0.0.1:5433`. */
const isServiceLink = (variable: string, value: string): boolean =>
  variable === 'BLOBGRES_PORT' && /^(?:tcp|udp|sctp):/.test(value)

/** Variables that are like none of ours may be anyone's. */
function refuseMistyped(env: Environment): void {
  const known = Object.values(OPTIONS).map(variableOf)
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('BLOBGRES_') || known.includes(variable)) continue
    const [suggestion] = /\(Did you mean .*\)/.exec(asMistypedFlag(variable)) ?? []
    if (suggestion === undefined) continue
    const variables = suggestion.replace(/--[a-z-]+/g, flag => variableOf({ name: flag.slice(2) }))
    throw new ConfigError(`unknown variable ${variable} ${variables}`)
  }
}

/** What Commander says of a flag that is named like this variable: it knows what looks alike. */
function asMistypedFlag(variable: string): string {
  const command = new Command().exitOverride().configureOutput({ outputError: () => {} })
  for (const { name } of Object.values(OPTIONS)) command.option(`--${name}`)
  try {
    command.parse([`--${variable.slice('BLOBGRES_'.length).toLowerCase().replaceAll('_', '-')}`], { from: 'user' })
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
