import { extname } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../thread.ts'
import type { Statement } from './classify.ts'
import type { ReaderRequest } from './reader-thread.ts'
import { type ReaderAnswer, unpackStatements } from './statement-message.ts'

/** A thread keeps the memory that its longest text took. */
const IDLE_MS = 10_000
/** Beside this there is the parser's own memory, up to three times as much. */
const MAX_HEAP_MB = 128

/** A text that was not read: it took too long, or more memory than there is for it. */
export class UnreadText extends Error {
  override readonly name = 'UnreadText'
  /** With more time it may be read. */
  readonly isLate: boolean

  constructor(message: string, isLate = false) {
    super(message)
    this.isLate = isLate
  }
}

export interface ReadRequest extends ReaderRequest {
  /** Whose text it is: clients take turns, however many texts each has. */
  readonly client: string
  /** Ends the reading, or the wait for it; read() then rejects with its reason. */
  readonly signal: AbortSignal
}

interface Job {
  readonly request: ReadRequest
  readonly settle: (outcome: Statement[] | undefined | Error) => void
}

/** One thread that reads texts, each for a limited time, and those that wait for it. */
export class ReaderLane {
  readonly #limitMs: number
  readonly #heapMb: number
  /** By client, the one whose turn is next first. */
  readonly #waiting = new Map<string, Set<Job>>()
  #running: Job | undefined
  #thread: Worker | undefined
  #isReady = false
  /** Of the text that is read; between texts, of the thread. */
  #timer: NodeJS.Timeout | undefined

  constructor(limitMs: number, heapMb = MAX_HEAP_MB) {
    this.#limitMs = limitMs
    this.#heapMb = heapMb
  }

  /** The statements of a text, as classify() has them. @throws UnreadText */
  read(request: ReadRequest): Promise<Statement[] | undefined> {
    const { signal, client } = request
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const stop = (): void => this.#stop(job, signal.reason)
      const job: Job = {
        request,
        settle: outcome => {
          signal.removeEventListener('abort', stop)
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        },
      }
      signal.addEventListener('abort', stop, { once: true })
      const others = this.#waiting.get(client)
      if (others) others.add(job)
      else this.#waiting.set(client, new Set([job]))
      this.#next()
    })
  }

  /** Ends the thread; what is not read yet stays unread. */
  close(): void {
    const jobs = [...this.#waiting.values()].flatMap(jobs => [...jobs])
    this.#waiting.clear()
    for (const job of jobs) job.settle(new UnreadText('the reader has ended'))
    this.#replace(new UnreadText('the reader has ended'))
  }

  #next(): void {
    if (this.#running !== undefined) return
    const [turn] = this.#waiting
    if (turn === undefined) return
    const [client, jobs] = turn
    const [job] = jobs
    this.#waiting.delete(client)
    jobs.delete(job as Job)
    if (jobs.size > 0) this.#waiting.set(client, jobs)
    this.#running = job
    clearTimeout(this.#timer)
    this.#thread ??= this.#start()
    if (this.#isReady) this.#hand()
  }

  /** The time counts from here: to start a thread may take longer than the text. */
  #hand(): void {
    if (this.#running === undefined) return
    const { text, settings } = this.#running.request
    this.#thread?.postMessage({ text, settings } satisfies ReaderRequest)
    this.#timer = setTimeout(
      () => this.#replace(new UnreadText(`it took more than ${this.#limitMs} ms`, true)),
      this.#limitMs,
    )
  }

  #stop(job: Job, reason: Error): void {
    if (job === this.#running) {
      this.#replace(reason)
      return
    }
    const { client } = job.request
    const jobs = this.#waiting.get(client)
    jobs?.delete(job)
    if (jobs?.size === 0) this.#waiting.delete(client)
    job.settle(reason)
  }

  #start(): Worker {
    const thread = startThread(new URL(`reader-thread${extname(import.meta.filename)}`, import.meta.url), {
      maxOldGenerationSizeMb: this.#heapMb,
    })
    const isOurs = (): boolean => this.#thread === thread
    thread.on('message', (answer: ReaderAnswer) => {
      if (!isOurs()) return
      if (answer.kind === 'read') this.#finish(answer)
      else {
        this.#isReady = true
        this.#hand()
      }
    })
    // What else the parser says may quote its memory, with other people's texts in it.
    thread.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (isOurs()) this.#replace(new UnreadText(`the thread ended (${code ?? 'unknown error'})`))
    })
    thread.on('exit', () => isOurs() && this.#replace(new UnreadText('the thread ended')))
    thread.unref()
    return thread
  }

  #finish({ statements, isLast }: ReaderAnswer & { kind: 'read' }): void {
    clearTimeout(this.#timer)
    const job = this.#running
    this.#running = undefined
    if (isLast) this.#end()
    job?.settle(unpackStatements(statements))
    this.#next()
    if (this.#running === undefined) this.#timer = setTimeout(() => this.#end(), IDLE_MS).unref()
  }

  /** What the thread is at cannot be interrupted: it ends, and the next text has another one. */
  #replace(error: Error): void {
    const job = this.#running
    this.#running = undefined
    this.#end()
    job?.settle(error)
    this.#next()
  }

  #end(): void {
    clearTimeout(this.#timer)
    const thread = this.#thread
    this.#thread = undefined
    this.#isReady = false
    void thread?.terminate()
  }
}
