import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client'
import type { Transfer } from '../activity/transfer.ts'
import { isKnownSqlState } from '../protocol/known-sqlstates.ts'
import type { RunningProxy } from '../proxy.ts'
import type { StorageAnswer } from '../storage/answers.ts'

export const PREFIX = 'blobgres_'
const DIRECTIONS = ['import', 'export'] as const
const SECONDS = [0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600]
/** Gauges whose names say that they were counters. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/**
 * Prometheus's figures of a proxy, from now on. No user has a say in their labels: there are as many series as there are
 * directions, formats, HTTP statuses and SQLSTATEs of PostgreSQL's own.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #forget: readonly (() => void)[]

  constructor(proxy: RunningProxy, version: string) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry, prefix: PREFIX })
    for (const name of MISNAMED) this.#registry.removeSingleMetric(PREFIX + name)
    const named = (name: string, help: string) => ({ name: PREFIX + name, help, registers })
    const info = new Gauge({
      ...named('build_info', 'The version that runs; always 1.'),
      labelNames: ['version', 'node'],
    })
    info.set({ version, node: process.version }, 1)
    new Gauge({
      ...named('sessions', 'Sessions of clients.'),
      collect() {
        this.set(proxy.sessions.all.length)
      },
    })
    this.#forget = [countTransfers(proxy, named), countOccurrences(proxy, named)]
  }

  /** In Prometheus's text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  samples(): Promise<Sample[]> {
    return this.#registry.getMetricsAsJSON()
  }

  close(): void {
    for (const forget of this.#forget) forget()
    this.#registry.clear()
  }
}

/** A metric with its values, as plain data. */
export type Sample = MetricObjectWithValues<MetricValue<string>>

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

/** Of several processes, whose figures are added up or whatever suits them; in Prometheus's text format. */
export const textOf = (samples: Sample[][]): Promise<string> => AggregatorRegistry.aggregate(samples).metrics()

/** What of a process's figures stays when it has ended: what it has counted, or else the sums of all would shrink. */
export const lastingOf = (samples: Sample[][]): Promise<Sample[]> =>
  AggregatorRegistry.aggregate(
    samples.map(each => each.filter(({ type }) => LASTING.has(String(type)))),
  ).getMetricsAsJSON()

const LASTING: ReadonlySet<string> = new Set(['counter', 'histogram'])

type Named = (name: string, help: string) => { name: string; help: string; registers: Registry[] }

function countTransfers({ transfers }: RunningProxy, named: Named): () => void {
  const total = new Counter({
    ...named('transfers_total', 'Transfers of blobs that have ended.'),
    labelNames: ['direction', 'format', 'outcome'],
  })
  const duration = new Histogram({
    ...named('transfer_duration_seconds', 'How long transfers took that have ended.'),
    buckets: SECONDS,
  })
  new Gauge({
    ...named('transfers_in_flight', 'Transfers of blobs under way.'),
    labelNames: ['direction'],
    collect() {
      for (const direction of DIRECTIONS) {
        this.set({ direction }, transfers.live.filter(({ facts }) => facts.direction === direction).length)
      }
    },
  })
  new Counter({
    ...named('transfer_bytes_total', 'Bytes of blobs read and written, as they are stored.'),
    labelNames: ['direction'],
    collect() {
      this.reset()
      for (const direction of DIRECTIONS) {
        const live = transfers.live.filter(({ facts }) => facts.direction === direction)
        this.inc(
          { direction },
          live.reduce((sum, { bytes }) => sum + bytes, transfers.totals[direction].bytes),
        )
      }
    },
  })
  const onEnd = ({ facts: { direction, format }, end, ms }: Transfer): void => {
    total.inc({ direction, format, outcome: end?.outcome ?? 'failed' })
    duration.observe(ms / 1000)
  }
  transfers.events.on('end', onEnd)
  return () => transfers.events.off('end', onEnd)
}

function countOccurrences({ occurrences }: RunningProxy, named: Named): () => void {
  const requests = new Counter({
    ...named('storage_requests_total', 'Requests to storage, each attempt; status "none": without an answer.'),
    labelNames: ['operation', 'status'],
  })
  const errors = new Counter({
    ...named('errors_total', 'Errors that clients were told of; sqlstate "other": none of PostgreSQL\'s own.'),
    labelNames: ['sqlstate'],
  })
  const onAnswer = ({ operation, status }: StorageAnswer): void => requests.inc({ operation, status })
  const onError = (sqlstate: string): void => errors.inc({ sqlstate: isKnownSqlState(sqlstate) ? sqlstate : 'other' })
  occurrences.on('storageAnswered', onAnswer).on('clientTold', onError)
  return () => occurrences.off('storageAnswered', onAnswer).off('clientTold', onError)
}
