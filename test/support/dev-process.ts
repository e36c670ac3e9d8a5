import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { stopWithParent } from '../../src/dev/child.ts'
import { COMPILED_CLI } from './compiled.ts'
import { listProcesses } from './processes.ts'

/** `blobgres`, of these sources. */
export const CLI = [process.execPath, COMPILED_CLI]

export interface CliResult {
  readonly status: number | null
  readonly stdout: string
  /** Without the steps of a start. */
  readonly stderr: string
}

export interface CliProcess {
  readonly pid: number
  /** Resolves with all of standard output once it matches; rejects when the process ends before that. */
  printed(pattern: RegExp): Promise<string>
  /** The same for standard error. */
  logged(pattern: RegExp): Promise<string>
  readonly ended: Promise<CliResult>
  /** All of its standard input. */
  write(text: string): void
  kill(signal: NodeJS.Signals): void
}

/** Runs `blobgres` as its own process; it may have at most so many descriptors. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  descriptors?: number,
): CliProcess {
  const command = [...CLI, ...args]
  const limited =
    descriptors === undefined ? command : ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', ...command]
  return startProgram(limited, { env: { ...workersFor(args), ...env } })
}

/** As the stacks of tests have them: see TEST_WORKERS. */
const workersFor = ([command]: readonly string[]): Record<string, string> => {
  const workers = process.env.BLOBGRES_TEST_WORKERS
  return command === 'serve' && workers !== undefined ? { BLOBGRES_WORKERS: workers } : {}
}

/** Runs a command that is `blobgres` in the end. */
export function startProgram(
  [command, ...args]: readonly string[],
  { env, cwd }: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): CliProcess {
  const child = spawn(command as string, args, { env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) })
  stopWithParent(child, 'SIGTERM') // in case that a test fails before it has stopped it
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  const ended = new Promise<CliResult>(resolve => {
    child.once('close', status => resolve({ status, stdout, stderr: withoutProgress(stderr) }))
  })
  const shown = async (stream: Readable, all: () => string, pattern: RegExp): Promise<string> => {
    const over = ended.then(({ status }) => {
      throw new Error(`${[command, ...args].join(' ')} ended with status ${status}: ${stderr}`)
    })
    const seen = new Promise<string>(resolve => {
      const look = (): void => {
        if (!pattern.test(all())) return
        stream.off('data', look) // all that a talkative process has said is not to be gone through again and again
        resolve(all())
      }
      stream.on('data', look)
      look()
    })
    return Promise.race([seen, over])
  }
  return {
    pid: child.pid as number,
    printed: pattern => shown(child.stdout, () => stdout, pattern),
    logged: pattern => shown(child.stderr, () => stderr, pattern),
    ended,
    write: text => void child.stdin.end(text),
    kill: signal => void child.kill(signal),
  }
}

/** `blobgres dev` tells each step as it begins. */
const withoutProgress = (stderr: string): string => stderr.replace(/^.* …\n/gm, '')

/** Runs `blobgres` to its end. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return startCli(args, env).ended
}

/** Starts `blobgres dev` on free ports and waits for its banner. */
export async function startDev(
  dataDir: string,
  ...options: readonly string[]
): Promise<CliProcess & { readonly banner: string }> {
  const cli = startCli(['dev', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--azurite-port', '0', ...options])
  return { ...cli, banner: await cli.printed(/Ctrl-C/) }
}

/** The command lines of all processes that name `text`, this one aside. */
export function processesNaming(text: string): string[] {
  return listProcesses()
    .filter(({ pid, command }) => pid !== process.pid && command.includes(text))
    .map(({ command }) => command)
}
