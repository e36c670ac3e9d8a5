import { expect, it, vi } from 'vitest'
import { type Invocation, parseCommandLine } from '../../../src/config/command-line.ts'
import { COMMANDS, type CommandName, EXAMPLES } from '../../../src/config/commands.ts'
import { optionsOf, variableOf } from '../../../src/config/options.ts'

/** What is printed instead of a command being run. */
function answer(...argv: readonly string[]) {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const result = parseCommandLine(argv, '1.2.3')
    return { result, stdout: out.mock.calls.join(''), stderr: err.mock.calls.join('') }
  } finally {
    vi.restoreAllMocks()
  }
}

it('tells a command, its flags and its arguments', () => {
  expect(parseCommandLine(['certificate', 'dir', 'a', 'b'], '')).toEqual({
    command: 'certificate',
    flags: {},
    args: ['dir', 'a', 'b'],
  })
  expect(parseCommandLine(['dev', '--account', 'a', '--listen=x', '--account=b=c'], '')).toMatchObject({
    command: 'dev',
    flags: { account: ['a', 'b=c'], listen: ['x'] },
    args: [],
  })
})

it('takes a switch alone for on', () => {
  const flagsOf = (...argv: readonly string[]) => (parseCommandLine(argv, '') as Invocation).flags['strict-azure']
  expect(flagsOf('dev', '--strict-azure')).toEqual(['on'])
  expect(flagsOf('serve', '--strict-azure', '--listen', 'x')).toEqual(['on'])
  expect(flagsOf('serve', '--strict-azure', 'off', '--listen', 'x')).toEqual(['off'])
  expect(flagsOf('serve', '--strict-azure=off')).toEqual(['off'])
})

it.each(Object.keys(COMMANDS) as CommandName[])('helps with %s, and names all of its options and variables', name => {
  const { result, stdout, stderr } = answer(name, '--help')
  expect({ result, stderr }).toEqual({ result: { status: 0 }, stderr: '' })
  expect(answer('help', name).stdout).toBe(stdout)
  expect(stdout).toMatch(/^Examples:\n/)
  for (const [, row] of optionsOf(name)) {
    expect(stdout).toContain(variableOf(row))
    const value = row.bare ? '' : row.alone === undefined ? `<${row.value}>` : `[${row.value}]`
    expect(stdout.includes(`--${row.name} ${value}`)).toBe(row.secret !== true)
  }
})

it('tells what there is, on standard error where nothing was asked for', () => {
  const help = answer('--help')
  expect(help.stdout).toMatch(/Usage: blobgres .*serve .*dev .*certificate .*healthcheck/s)
  expect(answer()).toEqual({ result: { status: 2 }, stdout: '', stderr: help.stdout })
  expect(answer('help')).toEqual(help)
  for (const flag of ['--version', '-V']) {
    expect(answer(flag)).toEqual({ result: { status: 0 }, stdout: 'blobgres 1.2.3\n', stderr: '' })
  }
})

it.each([
  [['fly'], "unknown command 'fly'"],
  [['srve'], "unknown command 'srve' (Did you mean serve?)"],
  [['dev', '--acount', 'x'], "unknown option '--acount' (Did you mean --account?)"],
  [['certificate'], "missing required argument 'directory'"],
  [['certificate', 'dir'], "missing required argument 'host'"],
  [['healthcheck', '--tls-cert', 'x'], "unknown option '--tls-cert' (it is an option of serve and doctor)"],
  [['serve', '--backend-password', 'x'], "unknown option '--backend-password' (use BLOBGRES_BACKEND_PASSWORD)"],
])('refuses %j on one line', (argv, message) => {
  expect(() => parseCommandLine(argv, '')).toThrow(new RegExp(`^${message.replace(/[()?]/g, '\\$&')}$`))
})

it('has examples that make sense', () => {
  const lines = Object.values(EXAMPLES).flat()
  for (const line of lines) {
    const [, text = ''] = /(?:^|[ (])blobgres (.*?)(?:(?:\)")? +#| <|$)/.exec(line) ?? []
    const words = Array.from(text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), ([, ...quoted]) => quoted.join(''))
    expect(answer(...words).result).toHaveProperty(words[0] === 'help' ? 'status' : 'command')
  }
})
