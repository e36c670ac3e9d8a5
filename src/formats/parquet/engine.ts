import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import type { EngineAnswer, EngineRequest, FileContents } from './engine-messages.ts'

const IDLE_MS = 5000
/** DuckDB's own limit leaves out the values that a statement is at, which a small file may well make very large. */
const MAX_MEMORY_KB = 2 * 1024 * 1024
const WITH_LIMIT = `ulimit -d ${MAX_MEMORY_KB}; exec "$0" "$@"`

/** What the engine said of a statement, in its own words. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
}

/** A process that waits for the next job: to start one may take longer than the job. */
let idle: Engine | undefined

/** A process with DuckDB in it, for one job at a time. */
export class Engine {
  #child: ChildProcess
  #waiting: { resolve(answer: EngineAnswer): void; reject(error: Error): void } | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #ended: Error | undefined
  #wasIdle = false
  #isKilled = false

  private constructor() {
    this.#child = this.#start()
  }

  #start(): ChildProcess {
    const child = startProcess()
    const end = (error: Error): void => {
      if (child === this.#child) this.#end(error)
    }
    child.on('message', (answer: EngineAnswer) => {
      this.#waiting?.resolve(answer)
      this.#waiting = undefined
    })
    child.on('error', error => end(engineFailure(error.message, error)))
    child.on('exit', (code, signal) => end(engineFailure(`Its process ended (${signal ?? `exit code ${code}`}).`)))
    return child
  }

  /** Has a process start, unless one is idle: by the time a job has what it needs, that one waits for it. */
  static prepare(): void {
    if (idle === undefined) new Engine().#rest()
  }

  /** The idle process, or else a new one. */
  static take(): Engine {
    const engine = idle ?? new Engine()
    idle = undefined
    clearTimeout(engine.#idleTimer)
    engine.#child.ref()
    engine.#child.channel?.ref()
    return engine
  }

  /** Has the process open two files; returns the paths by which statements name them, up to the job's end. */
  async open(source: string, target: string): Promise<{ source: string; target: string }> {
    const request = { kind: 'open', source, target } as const
    const answer = await this.#ask(request).catch(error => {
      // While it was idle it may have ended, and nobody was told yet: nothing of this job was begun.
      if (!this.#wasIdle || this.#isKilled || error !== this.#ended) throw error
      this.#ended = undefined
      this.#wasIdle = false
      this.#child = this.#start()
      return this.#ask(request)
    })
    return answer as EngineAnswer & { kind: 'opened' }
  }

  /** The columns and parts of the file to read, of which only the footer has to be there. */
  async describe(): Promise<FileContents> {
    const answer = await this.#ask({ kind: 'describe' })
    return answer as EngineAnswer & { kind: 'columns' }
  }

  /** Statements read a part of the file from now on, which is there. */
  async use(part: number): Promise<void> {
    await this.#ask({ kind: 'part', part })
  }

  async run(sql: string): Promise<readonly (readonly unknown[])[]> {
    const answer = await this.#ask({ kind: 'run', sql })
    return (answer as EngineAnswer & { kind: 'rows' }).rows
  }

  /** The job is done: the process waits for another one for a while. */
  async release(): Promise<void> {
    try {
      await this.#ask({ kind: 'close' })
    } catch {
      return this.kill()
    }
    if (idle !== undefined) return this.kill()
    this.#rest()
  }

  #rest(): void {
    idle = this
    this.#wasIdle = true
    this.#child.unref()
    this.#child.channel?.unref()
    this.#idleTimer = setTimeout(() => this.kill(), IDLE_MS).unref()
  }

  /** Ends the process, whatever it is at; what it had open is closed when this resolves. */
  async kill(): Promise<void> {
    if (idle === this) idle = undefined
    if (this.#ended !== undefined) return
    this.#isKilled = true
    this.#child.ref()
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit').catch(() => {})
  }

  async #ask(request: EngineRequest): Promise<EngineAnswer> {
    if (this.#ended !== undefined) throw this.#ended
    const child = this.#child
    const answer = await new Promise<EngineAnswer>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      // A channel that is closed tells of it here; the end of the process is told too.
      child.send(request, error => {
        if (error && child === this.#child) this.#end(engineFailure(error.message, error))
      })
    })
    if (answer.kind === 'failed') throw new EngineError(answer.message)
    if (answer.kind === 'refused') throw new PgError(answer)
    return answer
  }

  #end(error: Error): void {
    this.#ended ??= error
    if (idle === this) idle = undefined
    this.#waiting?.reject(this.#ended)
  }
}

function startProcess(): ChildProcess {
  const self = fileURLToPath(import.meta.url)
  const extension = extname(self)
  const loader = extension === '.ts' ? ['--import', createRequire(self).resolve('tsx')] : []
  const script = fileURLToPath(new URL(`engine-process${extension}`, import.meta.url))
  return spawn('/bin/sh', ['-c', WITH_LIMIT, process.execPath, ...loader, script], {
    // Not the proxy's: that may hold secrets.
    env: { TZ: 'UTC' },
    cwd: '/',
    // Not in the terminal's foreground group: there Ctrl-C would end it before the session that it works for.
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

function engineFailure(detail: string, cause?: unknown): PgError {
  return new PgError({
    message: 'azure_storage: the Parquet engine failed',
    code: SQLSTATE.internalError,
    detail,
    cause,
  })
}
