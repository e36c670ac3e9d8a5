import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { reachableHost } from '../config/values.ts'
import { isAnswering } from '../healthcheck.ts'
import type { CheckView, ReadyView } from './api.ts'
import type { Observed } from './observed.ts'

const LIMIT_MS = 3000
/** A good answer holds so long, for whoever asks often; a bad one is looked into again after a second. */
const BACKEND_HOLDS_MS = 1000
/** It leaves rows behind in the server's catalogue that have to be cleared away. */
const LOOPBACK_HOLDS_MS = 60_000
const FAILURE_HOLDS_MS = 1000
/** A server that has vanished in the middle answers nothing more, however long one waits: another look may find it back. */
const GIVEN_UP_MS = 15_000

const OK: CheckView = { ok: true }
const failed = (reason: string): CheckView => ({ ok: false, reason })

/** Whether a proxy can serve clients: what /readyz answers. */
export class Readiness {
  readonly #proxy: Pick<Observed, 'isDraining'>
  readonly #backend: Check
  readonly #loopback: Check

  constructor(
    proxy: Pick<Observed, 'address' | 'isDraining' | 'isReachable'>,
    { backend }: Pick<Config, 'backend'>,
    givenUpMs = GIVEN_UP_MS,
  ) {
    this.#proxy = proxy
    const { host, port } = proxy.address
    const listen = { host: reachableHost(host), port }
    this.#backend = new Check(BACKEND_HOLDS_MS, givenUpMs, async () =>
      (await isAnswering(listen, backend)) ? OK : failed('no login through the proxy gets as far as the server'),
    )
    this.#loopback = new Check(LOOPBACK_HOLDS_MS, givenUpMs, async signal =>
      (await proxy.isReachable(signal))
        ? OK
        : failed('the server does not reach this proxy, for the functions: see --loopback'),
    )
  }

  async look(): Promise<ReadyView> {
    const draining = this.#proxy.isDraining ? failed('the proxy is shutting down') : OK
    const [backend, loopback] = await Promise.all([this.#backend.look(), this.#loopback.look()])
    const checks = { draining, backend, loopback }
    return { ready: Object.values(checks).every(({ ok }) => ok), checks }
  }
}

/** One look at a time, whoever asks, and none for as long as the last one holds. */
class Check {
  readonly #holdsMs: number
  readonly #givenUpMs: number
  readonly #check: (signal: AbortSignal) => Promise<CheckView>
  #last: CheckView = OK
  #until = Number.NEGATIVE_INFINITY
  #looking: Promise<CheckView> | undefined

  constructor(holdsMs: number, givenUpMs: number, check: (signal: AbortSignal) => Promise<CheckView>) {
    this.#holdsMs = holdsMs
    this.#givenUpMs = givenUpMs
    this.#check = check
  }

  async look(): Promise<CheckView> {
    if (performance.now() < this.#until) return this.#last
    this.#looking ??= this.#lookNow()
    const over = new AbortController()
    const late = sleep(LIMIT_MS, failed(`no answer for ${LIMIT_MS / 1000} seconds`), { signal: over.signal })
    try {
      return await Promise.race([this.#looking, late])
    } finally {
      late.catch(() => {})
      over.abort()
    }
  }

  async #lookNow(): Promise<CheckView> {
    const signal = AbortSignal.timeout(this.#givenUpMs)
    const givenUp = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    this.#last = await Promise.race([this.#check(signal), givenUp]).catch(error => failed((error as Error).message))
    this.#until = performance.now() + (this.#last.ok ? this.#holdsMs : FAILURE_HOLDS_MS)
    this.#looking = undefined
    return this.#last
  }
}
