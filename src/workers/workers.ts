import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK } from '../activity/numbers.ts'
import type { Config } from '../config/config.ts'
import type { Address } from '../config/values.ts'
import { packForWorker, portOfWorker } from '../config/workers.ts'
import type { Logger } from '../log.ts'
import { Faults } from '../storage/faults.ts'
import type { PrimaryCalls, WorkerPlace } from './calls.ts'
import { WorkerProcess } from './worker-process.ts'

/** One that ends sooner than this after its start is replaced later and later. */
const STEADY_MS = 60_000
const [FIRST_DELAY_MS, MAX_DELAY_MS] = [1000, 30_000]
/** What a worker may take to end, beyond the time that sessions have. */
const END_LIMIT_MS = 30_000

/** The place of a worker, and of those that take it after that. */
interface Place {
  readonly number: number
  worker: WorkerProcess
  /** Where it listened for the functions: the next one tries the same. */
  at: WorkerPlace | undefined
  /** How long to wait before the next start. */
  delayMs: number
}

/** A proxy of several processes, which this one starts, hands clients to, and ends. */
export class Workers {
  readonly #config: Config
  readonly #log: Logger
  readonly #server: net.Server
  readonly #places: Place[] = []
  readonly #faults: Faults
  readonly #nextBlock = { sessions: 1, transfers: 1 }
  readonly #leaving = new AbortController()
  /** Told of a worker that has ended although nobody asked it to. */
  onLost: ((worker: WorkerProcess) => void) | undefined
  address: Address

  private constructor(config: Config, log: Logger) {
    this.#config = config
    this.#log = log
    this.#faults = new Faults(log)
    this.address = config.listen
    const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true }
    this.#server = net.createServer(options, socket => this.#hand(socket))
  }

  /** @throws what the first worker fails with, or the listening */
  static async start(config: Config, log: Logger): Promise<Workers> {
    const workers = new Workers(config, log)
    try {
      await workers.#open(config.workers ?? 1)
      await workers.#listen()
      return workers
    } catch (error) {
      await workers.close(0)
      throw error
    }
  }

  get isDraining(): boolean {
    return this.#leaving.signal.aborted
  }

  /** Those that can be asked something. */
  get ready(): readonly WorkerProcess[] {
    return this.#places.map(({ worker }) => worker).filter(({ isReady }) => isReady)
  }

  /** What the server dials to reach them. */
  get loopbackAddresses(): readonly Address[] {
    return this.#places.flatMap(({ at }) => at?.loopback ?? [])
  }

  async isReachable(): Promise<boolean> {
    const answers = await Promise.all(this.ready.map(worker => worker.ask('isReachable')))
    return answers.every(Boolean)
  }

  /** As of a proxy that is one process: see RunningProxy. */
  async close(drainMs = this.#config.drainTimeoutMs): Promise<void> {
    this.#leaving.abort()
    const workers = this.#places.map(({ worker }) => worker)
    for (const worker of workers) if (!worker.isReady) worker.kill()
    // Until all have, each still refuses clients and takes cancel requests.
    await Promise.all(workers.map(worker => this.#within(worker, drainMs + END_LIMIT_MS, worker.ask('drain', drainMs))))
    this.#server.close()
    await Promise.all(
      workers.map(async worker => {
        await this.#within(worker, END_LIMIT_MS, worker.ask('close'))
        if (worker.isReady) worker.dismiss()
        await this.#within(worker, END_LIMIT_MS, worker.ended)
        await worker.ended
      }),
    )
  }

  /** Waits no longer than the worker takes to end, which it is made to after a while. */
  async #within(worker: WorkerProcess, limitMs: number, work: Promise<unknown>): Promise<void> {
    const over = new AbortController()
    const limit = sleep(limitMs, undefined, { signal: over.signal }).then(
      () => {
        this.#log.error({ pid: worker.pid }, 'a worker does not end: it is killed')
        worker.kill()
      },
      () => {},
    )
    await Promise.race([work.catch(() => {}), worker.ended, limit])
    over.abort()
  }

  async #open(count: number): Promise<void> {
    for (let number = 1; number <= count; number++) {
      this.#places.push({ number, worker: this.#spawn(), at: undefined, delayMs: 0 })
    }
    // The first one makes what all need at the server; what it fails with, the others would too.
    const [first, ...others] = this.#places as [Place, ...Place[]]
    await this.#begin(first)
    await Promise.all(others.map(place => this.#begin(place)))
    for (const place of this.#places) void this.#replace(place)
  }

  #spawn(): WorkerProcess {
    const worker: WorkerProcess = new WorkerProcess(this.#handlers(() => worker))
    return worker
  }

  async #begin(place: Place): Promise<void> {
    const { worker, number } = place
    const port = place.at?.listen.port ?? portOfWorker(this.#config, number)
    place.at = undefined // somebody else may have taken its port meanwhile
    place.at = await worker.ask('start', {
      config: packForWorker(this.#config, number),
      listen: { host: this.#config.listen.host, port },
      number,
      firstSession: this.#takeBlock('sessions'),
      firstTransfer: this.#takeBlock('transfers'),
    })
    worker.isReady = true
  }

  /** Its sessions are lost, and nothing else. */
  async #replace(place: Place): Promise<void> {
    for (;;) {
      const { worker, number } = place
      const { code, signal } = await worker.ended
      if (this.isDraining) return
      this.onLost?.(worker)
      if (performance.now() - worker.startedAt > STEADY_MS) place.delayMs = 0
      this.#log.error({ worker: number, code, signal, delayMs: place.delayMs }, 'a worker has ended, and is replaced')
      await sleep(place.delayMs, undefined, { signal: this.#leaving.signal }).catch(() => {})
      if (this.isDraining) return
      place.delayMs = Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, 2 * place.delayMs))
      place.worker = this.#spawn()
      try {
        await this.#begin(place)
      } catch (error) {
        if (!this.isDraining) this.#log.error({ err: error, worker: number }, 'a worker cannot start')
        place.worker.kill()
      }
    }
  }

  #hand(socket: net.Socket): void {
    socket.on('error', () => {})
    const [first, ...others] = this.ready
    // Nobody is there for a moment: the client is to come again.
    if (first === undefined) socket.destroy()
    else others.reduce((least, each) => (each.load < least.load ? each : least), first).hand(socket)
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#config.listen
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    this.#server.on('error', error => this.#log.error({ err: error }, 'cannot accept a connection'))
    const address = this.#server.address() as net.AddressInfo
    this.address = { host, port: address.port }
    this.#log.info({ host: address.address, port: address.port, workers: this.#places.length }, 'listening')
  }

  #takeBlock(of: 'sessions' | 'transfers'): number {
    const first = this.#nextBlock[of]
    this.#nextBlock[of] += BLOCK
    return first
  }

  #handlers(self: () => WorkerProcess): Omit<PrimaryCalls, 'ended'> {
    const others = (): readonly WorkerProcess[] => this.ready.filter(each => each !== self())
    const faults = this.#faults
    return {
      async cancel(key) {
        const found = await Promise.all(others().map(each => each.ask('cancel', key).catch(() => false)))
        return found.some(Boolean)
      },
      async shown(what) {
        return (await Promise.all(others().map(each => each.ask('shown', what).catch(() => [])))).flat()
      },
      nextBlock: async of => this.#takeBlock(of),
      injectFault: async (database, fault) => faults.inject(database, fault),
      clearFaults: async database => faults.clear(database),
      faults: async database => faults.of(database),
      takeFault: async (database, use) => faults.takerFor(database)(use),
    }
  }
}
