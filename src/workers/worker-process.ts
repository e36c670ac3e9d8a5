import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PrimaryCalls, WorkerCalls } from './calls.ts'
import { Channel, type Handlers } from './channel.ts'

/** How a process has ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A worker as the primary sees it. */
export class WorkerProcess {
  readonly ask: Channel<WorkerCalls, PrimaryCalls>['ask']
  readonly startedAt = performance.now()
  readonly ended: Promise<Exit>
  /** It can be handed clients. */
  isReady = false
  readonly #child: ChildProcess
  readonly #channel: Channel<WorkerCalls, PrimaryCalls>
  #handed = 0
  #ended = 0

  constructor(handlers: Omit<PrimaryCalls, 'ended'>) {
    this.#child = startProcess()
    this.ended = new Promise(resolve => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.isReady = false
        resolve({ code, signal })
      }
      this.#child.once('exit', end).once('error', () => end(null, null))
    })
    const all: Handlers<PrimaryCalls> = {
      ...handlers,
      ended: async (count: number) => {
        this.#ended = count
      },
    }
    this.#channel = new Channel(this.#child, all)
    this.ask = this.#channel.ask.bind(this.#channel) as typeof this.ask
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** How many connections it has, those on their way to it among them. */
  get load(): number {
    return this.#handed - this.#ended
  }

  hand(socket: Socket): void {
    this.#handed++
    this.#channel.hand(socket)
  }

  /** It has closed all that it had. */
  dismiss(): void {
    this.#child.disconnect()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

function startProcess(): ChildProcess {
  const self = fileURLToPath(import.meta.url)
  const extension = extname(self)
  const script = fileURLToPath(new URL(`worker${extension}`, import.meta.url))
  const loader = ['--import', createRequire(self).resolve('tsx')]
  return fork(script, [], {
    ...(extension === '.ts' && { execArgv: loader }),
    // Buffers travel as such.
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}
