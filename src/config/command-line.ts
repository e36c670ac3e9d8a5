import { Command, CommanderError, Option } from 'commander'
import { COMMANDS, type CommandName, EXAMPLES } from './commands.ts'
import { defaultOf, OPTIONS, type OptionRow, optionsOf, otherwiseOf, variableOf } from './options.ts'
import type { Flags } from './read-options.ts'
import { ConfigError } from './values.ts'

/** What a command line asks for. */
export interface Invocation {
  readonly command: CommandName
  readonly flags: Flags
  readonly args: readonly string[]
}

/** A command line that was answered by text alone. */
export interface Answered {
  readonly status: number
}

const EPILOGUE = `
Each option can come from the environment too, and from a file .env: a flag wins, then BLOBGRES_…, then the usual variables
(DATABASE_URL, PGHOST …, AZURE_STORAGE_CONNECTION_STRING …), then .env. More about one command: blobgres help serve
SIGTERM or Ctrl-C ends serve and dev in an orderly way, a second one at once.
Exit status: 0 after an orderly end, 1 after a failure, 2 for a command line that makes no sense.`

/**
 * Reads a command line; prints what it asks to see, and the help where it asks for nothing.
 *
 * @throws ConfigError
 */
export function parseCommandLine(argv: readonly string[], version: string): Invocation | Answered {
  let invocation: Invocation | undefined
  const program = createProgram(version, (command, flags, args) => {
    invocation = { command, flags, args }
  })
  try {
    program.parse(argv.flatMap(withoutEquals), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { status: 0 }
    // The help was printed, to standard error.
    if (error.code === 'commander.help') return { status: 2 }
    const message = error.message.replace(/^error: /, '').replaceAll(/\s+/g, ' ')
    throw new ConfigError(message + whoseOption(message))
  }
  return invocation as unknown as Invocation
}

/** Of an option that is another command's: which one's. */
function whoseOption(message: string): string {
  const [, name] = /^unknown option '--([a-z-]+)'$/.exec(message) ?? []
  const row = Object.values<OptionRow<unknown>>(OPTIONS).find(each => each.name === name)
  if (row === undefined) return ''
  return row.secret ? ` (use ${variableOf(row)})` : ` (it is an option of ${row.commands.join(' and ')})`
}

/** `--name=value` as two words, or Commander would quote the value, maybe a password, where it does not know the name. */
function withoutEquals(word: string): string[] {
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
  return name === undefined || value === undefined ? [word] : [name, value]
}

type Invoke = (command: CommandName, flags: Flags, args: readonly string[]) => void

function createProgram(version: string, invoke: Invoke): Command {
  const program = new Command('blobgres')
    .description("Blobgres gives any PostgreSQL Microsoft's azure_storage extension.")
    .version(`blobgres ${version}`, '-V, --version', 'display the version')
    .exitOverride()
    .configureOutput({ outputError: () => {} }) // the caller prints it, on one line
    .addHelpText('before', examples('blobgres'))
    .addHelpText('after', EPILOGUE)
  for (const [name, description] of Object.entries(COMMANDS) as [CommandName, string][]) {
    const command = program.command(name).description(description).addHelpText('before', examples(name))
    if (name === 'infer') command.argument('<url|file>', 'a blob, or a local file')
    if (name === 'certificate') command.argument('<directory>').argument('<host...>', 'hosts that it is for')
    if (name === 'snapshot' || name === 'restore') command.argument('<name>', 'of the snapshot')
    if (name === 'sql') command.argument('[text]', 'statements; those of standard input without it')
    addOptions(command, name)
    command.action(() => invoke(name, flagsOf(command), command.args))
  }
  return program
}

const examples = (name: keyof typeof EXAMPLES): string =>
  `Examples:\n${EXAMPLES[name].map(line => `  ${line}\n`).join('')}`

function addOptions(command: Command, name: CommandName): void {
  const rows = optionsOf(name).map(([, row]) => row)
  for (const row of rows.filter(({ secret }) => !secret)) {
    const value = row.bare ? '' : row.alone === undefined ? ` <${row.value}>` : ` [${row.value}]`
    const short = row.short === undefined ? '' : `${row.short}, `
    const option = new Option(`${short}--${row.name}${value}`, describeOption(row, name))
    if (row.alone !== undefined) option.preset(row.alone)
    command.addOption(option.argParser<readonly string[]>((value, before = []) => [...before, value]))
  }
  const secrets = rows.filter(({ secret }) => secret)
  if (secrets.length === 0) return
  const lines = secrets.map(row => `  ${variableOf(row)}\n      ${plain(row.description)}`)
  command.addHelpText('after', `\nFrom the environment alone:\n${lines.join('\n')}`)
}

function describeOption(row: OptionRow<unknown>, command: CommandName): string {
  const value = defaultOf(row, command) ?? otherwiseOf(row, command)
  const byDefault = value === undefined ? '' : `${value === 'required' ? '' : 'default: '}${value}, `
  return `${plain(row.description)} (${byDefault}env: ${variableOf(row)})`
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '')
}

function flagsOf(command: Command): Flags {
  return Object.fromEntries(
    command.options.map(option => [option.name(), command.getOptionValue(option.attributeName())]),
  )
}
