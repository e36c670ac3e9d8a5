#!/usr/bin/env node
import { pipeline } from 'node:stream/promises'
import { type Invocation, parseCommandLine } from './config/command-line.ts'
import { type Config, readConfig } from './config/config.ts'
import { readDevConfig } from './config/dev-config.ts'
import { readEnvFile } from './config/env-file.ts'
import { type Environment, type Flags, readOptions } from './config/read-options.ts'
import { usualAccount } from './config/usual-variables.ts'
import { type Address, ConfigError } from './config/values.ts'
import { isAnswering } from './healthcheck.ts'
import type { HttpServer } from './http/server.ts'
import { createLogger, type Logger } from './log.ts'
import type { RunningProxy } from './proxy.ts'
import { DumpUnwrapper } from './sql/unwrap-dump.ts'
import { trusting } from './storage/endpoints.ts'
import { packageVersion } from './version.ts'
import type { Workers } from './workers/workers.ts'

/** Something that runs until it is told to end, or fails on its own. */
interface Service {
  readonly failure?: Promise<never>
  /** Resolves when it is told to end by another way than a signal. */
  readonly stopped?: Promise<void>
  close(): Promise<void>
}

/** The first wins. */
const environments = () => [process.env, readEnvFile()] as const

async function serve(flags: Flags): Promise<Service> {
  const [env, file] = environments()
  const config = readConfig(flags, env, file)
  const account = usualAccount(env) ?? usualAccount(file)
  takeAzureVariables(file)
  const log = createLogger(config.logLevel)
  // Loaded only here: the health check, which runs every few seconds, starts in a fraction of the time without them.
  const { registerUsualAccount } = await import('./usual-account.ts')
  const proxy = await startServing(config, log)
  if (account !== undefined) {
    await registerUsualAccount(proxy.address, config.backend, account, log).catch(error =>
      log.warn({ err: error, account: account.name }, 'account of the environment not registered'),
    )
  }
  const close = () => proxy.close(config.drainTimeoutMs)
  if (config.http === undefined) return { close }
  const http = await startHttp(config.http, proxy, config, log).catch(async error => {
    await proxy.close(0)
    throw error
  })
  // To the end it says that no more clients are taken.
  return { close: () => close().finally(http.close) }
}

/** A proxy that is this process, or several that this one starts. */
async function startServing(config: Config, log: Logger): Promise<RunningProxy | Workers> {
  if (config.workers === undefined || config.workers === 1) return (await import('./proxy.ts')).startProxy(config, log)
  return (await import('./workers/workers.ts')).Workers.start(config, log)
}

async function startHttp(
  listen: Address,
  proxy: RunningProxy | Workers,
  config: Config,
  log: Logger,
): Promise<HttpServer> {
  const { startHttp } = await import('./http/server.ts')
  if ('listener' in proxy) return startHttp({ listen, proxy, config, log })
  const { ObservedWorkers } = await import('./workers/observed-workers.ts')
  return startHttp({ listen, proxy: new ObservedWorkers(proxy), config, log })
}

/** `@azure/identity` reads them where `--azure-credential` is `default`. */
function takeAzureVariables(file: Environment): void {
  for (const [name, value] of Object.entries(file)) if (name.startsWith('AZURE_')) process.env[name] ??= value
}

async function dev(flags: Flags): Promise<Service> {
  const config = readDevConfig(flags, ...environments())
  // Loaded only here: it needs packages that a production install has not.
  const { startDevStack } = await import('./dev/dev.ts')
  const progress = (step: string): void => {
    if (config.logLevel !== 'silent') process.stderr.write(`${step} …\n`)
  }
  const stack = await startDevStack(config, createLogger(config.logLevel), progress)
  process.stdout.write(stack.banner)
  return stack
}

/** For the emulator in a container: what the dev stack does for its own. */
async function certificate([dir = '', ...hosts]: readonly string[]): Promise<number> {
  const { ensureCertificate } = await import('./dev/certificate.ts')
  const { cert, key } = await ensureCertificate(dir, 'server', hosts)
  process.stdout.write(`${cert}\n${key}\n`)
  return 0
}

async function healthcheck(flags: Flags): Promise<number> {
  const { listen, backend } = readOptions('healthcheck', flags, ...environments())
  return (await isAnswering(listen, backend)) ? 0 : 1
}

async function doctor(flags: Flags): Promise<number> {
  const [env, file] = environments()
  const { json = false, dataDir } = readOptions('doctor', flags, env, file)
  const [{ examine }, { printFindings }, { runningStack }] = await Promise.all([
    import('./doctor/doctor.ts'),
    import('./doctor/print.ts'),
    import('./dev/running-stack.ts'),
  ])
  // A server that is named goes before the stack that runs here, and that before variables for whatever programs.
  const isNamed = flags.backend ?? env.BLOBGRES_BACKEND ?? file.BLOBGRES_BACKEND
  const stack = isNamed ? undefined : await runningStack(dataDir)
  takeAzureVariables(file)
  const findings = await examine(stack?.config ?? readConfig(flags, env, file))
  process.stdout.write(printFindings(findings, json))
  return findings.some(({ result }) => result === 'failed') ? 1 : 0
}

/** Where blobs are, and what opens them, is what a dev stack that runs here says, or variables. */
async function infer(flags: Flags, [source = '']: readonly string[]): Promise<number> {
  const [env, file] = environments()
  const { dataDir, storageEndpoints, storageCa, ...options } = readOptions('infer', flags, env, file)
  const account = usualAccount(env) ?? usualAccount(file)
  const [{ inferCommand }, { runningStack }] = await Promise.all([
    import('./infer/command.ts'),
    import('./dev/running-stack.ts'),
  ])
  const stack = await runningStack(dataDir)
  const known = stack?.config.storageEndpoints
  const trust = storageCa ? trusting(storageCa) : known?.trust
  const endpoints = {
    ...storageEndpoints,
    accounts: new Map([...(known?.accounts ?? []), ...storageEndpoints.accounts]),
    ...(trust && { trust }),
  }
  const secretOf = (name: string) => (name === account?.name ? account.secret : stack?.secretOf(name))
  process.stdout.write(await inferCommand(source, { ...options, endpoints, secretOf }))
  return 0
}

/** From standard input to standard output. */
async function unwrap(): Promise<number> {
  const unwrapper = new DumpUnwrapper()
  const lines = async function* (chunks: AsyncIterable<string>): AsyncGenerator<string> {
    let open: string[] = []
    for await (const chunk of chunks) {
      open.push(chunk)
      if (!chunk.includes('\n')) continue
      const lines = open.join('').split(/(?<=\n)/)
      open = [lines.pop() ?? '']
      yield lines.map(line => unwrapper.push(line)).join('')
    }
    yield unwrapper.push(open.join('')) + unwrapper.end()
  }
  const bytes = async function* (texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
    for await (const text of texts) yield Buffer.from(text, 'latin1')
  }
  await pipeline(process.stdin.setEncoding('latin1'), lines, bytes, process.stdout)
  return 0
}

/** npm passes Ctrl-C on to a child that has it from the terminal already: two signals this close are one. */
const SAME_SIGNAL_MS = 500

/** Runs a service until the first SIGTERM or SIGINT; a second one ends the process at once. */
async function run(start: (flags: Flags) => Promise<Service>, flags: Flags): Promise<number> {
  const signalled = new Promise<void>(resolve => {
    let first: number | undefined
    const onSignal = (): void => {
      first ??= Date.now()
      if (Date.now() - first > SAME_SIGNAL_MS) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  })
  const service = await start(flags)
  try {
    await Promise.race([signalled, service.stopped ?? signalled, service.failure ?? signalled])
  } finally {
    await service.close()
  }
  return 0
}

/** Resolves with the exit status. */
async function execute({ command, flags, args }: Invocation): Promise<number> {
  if (process.platform === 'win32') throw new Error('Blobgres does not run on Windows itself: use WSL2 or Docker')
  switch (command) {
    case 'serve':
      return run(serve, flags)
    case 'dev':
      return run(dev, flags)
    case 'status':
    case 'stop':
    case 'reset':
    case 'seed':
      return (await import('./dev/stack-commands.ts'))[command](flags, ...environments())
    case 'snapshot':
    case 'restore':
      return (await import('./dev/stack-commands.ts'))[command](args[0] ?? '', flags, ...environments())
    case 'sql':
      return (await import('./dev/sql-command.ts')).sqlCommand(args[0], flags, ...environments())
    case 'certificate':
      return certificate(args)
    case 'doctor':
      return doctor(flags)
    case 'healthcheck':
      return healthcheck(flags)
    case 'infer':
      return infer(flags, args)
    case 'unwrap':
      return unwrap()
  }
}

/** One line for the user; a connection refused on several addresses has an empty message and only a code. */
function describe(error: unknown): string {
  const { message, code, detail, cause } = error as NodeJS.ErrnoException & { detail?: string }
  const reason = detail || (cause as NodeJS.ErrnoException | undefined)?.code
  return `${message || code}${reason ? ` (${reason})` : ''}`.replaceAll('\n', ' ')
}

try {
  const asked = parseCommandLine(process.argv.slice(2), packageVersion())
  process.exit('status' in asked ? asked.status : await execute(asked))
} catch (error) {
  process.stderr.write(`blobgres: ${describe(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}
