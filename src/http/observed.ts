import type { Address } from '../config/values.ts'
import type { RunningProxy } from '../proxy.ts'
import type { Activity } from './api.ts'
import { Metrics, type Sample } from './metrics.ts'
import { finishedView, liveView, sessionsView } from './views.ts'

/** The session whose statement is told to end; or why none is: the transfer has ended, or its session is none of this proxy's. */
export type Cancelled = number | 'ended' | 'elsewhere'

/** How things stand in a proxy, but whether it is about to end. */
export type Standing = Required<Omit<Activity, 'isDraining'>>

/** What is told about over HTTP: a proxy, be it one process or several. */
export interface Observed {
  readonly address: Address
  readonly isDraining: boolean
  /** @throws where that is not known in time */
  isReachable(signal: AbortSignal): Promise<boolean>
  standing(): Promise<Standing>
  /** In Prometheus's text format. */
  metrics(): Promise<string>
  /** Asks for the statement of a transfer to be cancelled. */
  cancel(transfer: number): Promise<Cancelled>
  close(): void
}

/** A proxy that is this process. */
export class ObservedProxy implements Observed {
  readonly #proxy: RunningProxy
  readonly #metrics: Metrics

  constructor(proxy: RunningProxy, version: string) {
    this.#proxy = proxy
    this.#metrics = new Metrics(proxy, version)
  }

  get address(): Address {
    return this.#proxy.address
  }

  get isDraining(): boolean {
    return this.#proxy.isDraining
  }

  isReachable(signal: AbortSignal): Promise<boolean> {
    return this.#proxy.isReachable(signal)
  }

  async standing(): Promise<Standing> {
    return { ...liveView(this.#proxy), ...sessionsView(this.#proxy), finished: finishedView(this.#proxy) }
  }

  metrics(): Promise<string> {
    return this.#metrics.text()
  }

  /** The same, to be added to others'. */
  samples(): Promise<Sample[]> {
    return this.#metrics.samples()
  }

  async cancel(id: number): Promise<Cancelled> {
    const transfer = this.#proxy.transfers.live.find(each => each.id === id)
    if (transfer === undefined) return 'ended'
    const session = this.#proxy.sessions.get(transfer.facts.session ?? 0)
    if (session === undefined) return 'elsewhere'
    await session.cancel()
    return session.facts.id
  }

  close(): void {
    this.#metrics.close()
  }
}
