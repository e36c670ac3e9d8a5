import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, Gauge, Registry } from 'prom-client'
import { KEPT } from '../activity/transfers.ts'
import type { Address } from '../config/values.ts'
import { lastingOf, PREFIX, type Sample, textOf } from '../http/metrics.ts'
import type { Cancelled, Observed, Standing } from '../http/observed.ts'
import { MAX_SHOWN } from '../http/views.ts'
import type { WorkerProcess } from './worker-process.ts'
import type { Workers } from './workers.ts'

/** One that is busy for longer is left out. */
const ANSWER_LIMIT_MS = 2000

/** What all workers of a proxy do, as one. */
export class ObservedWorkers implements Observed {
  readonly #workers: Workers
  readonly #registry = new Registry()
  readonly #lastSamples = new WeakMap<WorkerProcess, Sample[]>()
  /** Of workers that have ended. */
  #lasting: Promise<Sample[]> = Promise.resolve([])

  constructor(workers: Workers) {
    this.#workers = workers
    const registers = [this.#registry]
    new Gauge({
      ...{ name: `${PREFIX}workers`, help: 'Workers that take clients.', registers },
      collect() {
        this.set(workers.ready.length)
      },
    })
    const losses = new Counter({
      ...{ name: `${PREFIX}workers_lost_total`, help: 'Workers that have ended and were replaced.', registers },
    })
    workers.onLost = worker => {
      losses.inc()
      const last = this.#lastSamples.get(worker) ?? []
      this.#lasting = this.#lasting.then(before => lastingOf([before, last]))
    }
  }

  get address(): Address {
    return this.#workers.address
  }

  get isDraining(): boolean {
    return this.#workers.isDraining
  }

  isReachable(): Promise<boolean> {
    return this.#workers.isReachable()
  }

  async standing(): Promise<Standing> {
    const all = await this.#askAll(worker => worker.ask('standing'))
    const sum = (of: (each: Standing) => number): number => all.reduce((total, each) => total + of(each), 0)
    return {
      live: all
        .flatMap(({ live }) => live)
        .sort(byTime(({ since }) => since))
        .slice(0, MAX_SHOWN),
      liveCount: sum(({ liveCount }) => liveCount),
      sessions: all
        .flatMap(({ sessions }) => sessions)
        .sort(byTime(({ since }) => since))
        .slice(0, MAX_SHOWN),
      count: sum(({ count }) => count),
      finished: all
        .flatMap(({ finished }) => finished)
        .sort(byTime(({ endedAt }) => endedAt ?? ''))
        .reverse()
        .slice(0, KEPT),
    }
  }

  async metrics(): Promise<string> {
    const own = await this.#registry.getMetricsAsJSON()
    const samples = await Promise.all(this.#workers.ready.map(worker => this.#samplesOf(worker)))
    return textOf([...samples, await this.#lasting, own])
  }

  async cancel(id: number): Promise<Cancelled> {
    const answers = await this.#askAll(worker => worker.ask('cancelTransfer', id))
    return answers.find(answer => answer !== 'ended') ?? 'ended'
  }

  close(): void {
    this.#registry.clear()
  }

  /** Of one that does not answer, what it has said before. */
  async #samplesOf(worker: WorkerProcess): Promise<Sample[]> {
    const samples = await inTime(worker.ask('samples'))
    if (samples) this.#lastSamples.set(worker, samples)
    return samples ?? this.#lastSamples.get(worker) ?? []
  }

  async #askAll<T>(ask: (worker: WorkerProcess) => Promise<T>): Promise<T[]> {
    const answers = await Promise.all(this.#workers.ready.map(worker => inTime(ask(worker))))
    return answers.filter(answer => answer !== undefined) as T[]
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  const over = new AbortController()
  const late = sleep(ANSWER_LIMIT_MS, undefined, { signal: over.signal }).catch(() => undefined)
  try {
    return await Promise.race([answer.catch(() => undefined), late])
  } finally {
    over.abort()
  }
}

const byTime =
  <T>(of: (each: T) => string) =>
  (one: T, other: T): number =>
    Number(of(one) > of(other)) - Number(of(one) < of(other))
