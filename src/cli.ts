#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { DEFAULT_LISTEN, parseConfig } from './config.ts'
import { isAnswering } from './healthcheck.ts'
import { createLogger } from './log.ts'
import { ConfigError, parseAddress, readOptions } from './options.ts'
import { startProxy } from './proxy.ts'
import { USAGE } from './usage.ts'

/** Something that runs until it is told to end, or fails on its own. */
interface Service {
  readonly failure?: Promise<never>
  close(): Promise<void>
}

async function serve(argv: readonly string[]): Promise<Service> {
  const config = parseConfig(argv, process.env)
  const proxy = await startProxy(config, createLogger(config.logLevel))
  return { close: () => proxy.close(config.drainTimeoutMs) }
}

async function dev(argv: readonly string[]): Promise<Service> {
  // Loaded only here: it needs packages that a production install has not.
  const [{ parseDevConfig }, { startDevStack }] = await Promise.all([
    import('./dev/dev-config.ts'),
    import('./dev/dev.ts'),
  ])
  const config = parseDevConfig(argv, process.env)
  const stack = await startDevStack(config, createLogger(config.logLevel))
  process.stdout.write(stack.banner)
  return stack
}

/** For the emulator in a container: what the dev stack does for its own. */
async function certificate([dir, ...hosts]: readonly string[]): Promise<number> {
  if (dir === undefined || hosts.length === 0) throw new ConfigError('usage: blobgres certificate DIRECTORY HOST…')
  const { ensureCertificate } = await import('./dev/certificate.ts')
  const { cert, key } = await ensureCertificate(dir, 'server', hosts)
  process.stdout.write(`${cert}\n${key}\n`)
  return 0
}

async function healthcheck(argv: readonly string[]): Promise<number> {
  const listen = readOptions(argv, process.env, ['listen'])('listen')
  return (await isAnswering(listen ? parseAddress(listen) : DEFAULT_LISTEN)) ? 0 : 1
}

/** npm passes Ctrl-C on to a child that has it from the terminal already: two signals this close are one. */
const SAME_SIGNAL_MS = 500

/** Runs a service until the first SIGTERM or SIGINT; a second one ends the process at once. */
async function run(start: (argv: readonly string[]) => Promise<Service>, argv: readonly string[]): Promise<number> {
  const signalled = new Promise<void>(resolve => {
    let first: number | undefined
    const onSignal = (): void => {
      first ??= Date.now()
      if (Date.now() - first > SAME_SIGNAL_MS) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  })
  const service = await start(argv)
  try {
    await Promise.race([signalled, ...(service.failure ? [service.failure] : [])])
  } finally {
    await service.close()
  }
  return 0
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

async function main([command, ...argv]: readonly string[]): Promise<number> {
  if (command === '--help' || command === '-h' || argv.includes('--help')) {
    process.stdout.write(USAGE)
    return 0
  }
  switch (command) {
    case 'serve':
      return run(serve, argv)
    case 'dev':
      return run(dev, argv)
    case 'certificate':
      return certificate(argv)
    case 'healthcheck':
      return healthcheck(argv)
    case '--version':
      process.stdout.write(`blobgres ${version()}\n`)
      return 0
    default:
      throw new ConfigError(`${command ? `no command ${command}` : 'a command is missing'}; see blobgres --help`)
  }
}

/** One line for the user; a connection refused on several addresses has an empty message and only a code. */
function describe(error: unknown): string {
  const { message, code, detail, cause } = error as NodeJS.ErrnoException & { detail?: string }
  const reason = detail || (cause as NodeJS.ErrnoException | undefined)?.code
  return `${message || code}${reason ? ` (${reason})` : ''}`.replaceAll('\n', ' ')
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`blobgres: ${describe(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}
