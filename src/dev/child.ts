import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A server that runs as a child of this process and never outlives it. */
export interface Child {
  readonly pid: number
  /** Resolves when the process is gone, whatever the reason. */
  readonly exited: Promise<void>
  /** Sends `signal`, and SIGKILL when the process is still there after `graceMs`. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>
}

export interface ChildCommand {
  /** What messages call this server, e.g. "PostgreSQL". */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly options?: SpawnOptions
  /** Matches the line of output by which the server says that it accepts connections. */
  readonly ready: RegExp
  /** The signal that makes it shut down in an orderly way. */
  readonly stopSignal: NodeJS.Signals
  /** It is a program of Node's that takes messages. */
  readonly hasChannel?: true
  /** Gets all it prints, for as long as it runs. */
  readonly onOutput?: (chunk: Buffer) => void
}

const START_TIMEOUT_MS = 60_000
/** Output kept to look for `ready` in, and to explain a failed start with. */
const OUTPUT_LIMIT = 16_384

/** The server ended, or stayed silent, before it was ready. */
export class ChildStartError extends Error {
  override readonly name = 'ChildStartError'
  /** The most telling line of what it printed. */
  readonly reason: string

  constructor(name: string, event: string, output: string) {
    const lines = output.trim().split('\n')
    const reason = lines.findLast(line => /FATAL|PANIC|rror|could not/.test(line)) ?? lines.at(-1) ?? ''
    super(`${name} ${event}: ${reason}`)
    this.reason = reason
  }
}

export interface StartedChild {
  readonly child: Child
  /** The match of `ready`. */
  readonly ready: RegExpExecArray
  /** Takes messages, if the command has a channel. */
  readonly channel: ChildProcess
}

/** Starts a server and waits until it is ready. */
export async function startChild(command: ChildCommand): Promise<StartedChild> {
  // Own process group: Ctrl-C in a terminal reaches only this process, which then stops its children in the right order.
  const child = spawn(command.command, command.args, {
    ...command.options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(command.hasChannel ? (['ipc'] as const) : [])],
  })
  await once(child, 'spawn')
  const pid = child.pid as number
  stopWithParent(child, command.stopSignal)
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))

  const stop = async (signal: NodeJS.Signals = command.stopSignal, graceMs = 10_000): Promise<void> => {
    if (!isRunning(child)) return
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
  }

  try {
    return { child: { pid, exited, stop }, ready: await waitForOutput(child, command), channel: child }
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

function waitForOutput(child: ChildProcess, { name, ready, onOutput }: ChildCommand): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = (event: string): void => {
      clearTimeout(timer)
      reject(new ChildStartError(name, event, output))
    }
    const timer = setTimeout(() => fail(`was not ready after ${START_TIMEOUT_MS / 1000} seconds`), START_TIMEOUT_MS)
    // 'close' and not 'exit': by then all output has been read.
    child.once('close', (code, signal) => fail(`ended at once (${signal ?? `exit code ${code}`})`))
    const onData = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_LIMIT)
      const match = ready.exec(output)
      if (match === null) return
      clearTimeout(timer)
      // The pipes must be read to the end, or the server would block some day.
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', onData).resume()
      resolve(match)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (onOutput) stream?.on('data', onOutput)
      stream?.on('data', onData)
    }
  })
}

/** Stops `child` when this process ends in a way that leaves it no time to do so (SIGKILL): a pipe breaks then. */
export function stopWithParent(child: ChildProcess, signal: NodeJS.Signals): void {
  const script = 'read -r _; kill -s "$1" "$2"; sleep 5; kill -s KILL "$2"'
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', signal.slice('SIG'.length), String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.unref()
  child.once('exit', () => watcher.kill('SIGKILL'))
}
