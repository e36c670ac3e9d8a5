/*
 * A process that is a part of a proxy: a whole one, with an address of its own for the functions, whose clients are handed
 * to it. It ends with the process that has started it.
 */
import { Numbers } from '../activity/numbers.ts'
import { unpackConfig } from '../config/workers.ts'
import type { ObservedProxy } from '../http/observed.ts'
import { createLogger } from '../log.ts'
import { type RunningProxy, startProxy } from '../proxy.ts'
import type { FaultStore, InjectedFault, Use } from '../storage/faults.ts'
import { packageVersion } from '../version.ts'
import type { PrimaryCalls, WorkerCalls, WorkerStart } from './calls.ts'
import { Channel } from './channel.ts'

// Ctrl-C, and a supervisor's SIGTERM, come to all processes: the primary has the say.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))

/** A server that has vanished in the middle answers nothing more. */
const LOOK_LIMIT_MS = 15_000

let proxy: RunningProxy
let observed: ObservedProxy | undefined
let received = 0
let ended = 0

const handlers: WorkerCalls = {
  async start({ config: packed, listen, number, firstSession, firstTransfer }: WorkerStart) {
    const config = unpackConfig(packed)
    const log = createLogger(config.logLevel).child({ worker: number })
    proxy = await startProxy(config, log, {
      listen,
      siblings: { cancel: key => primary.ask('cancel', key), shown: what => primary.ask('shown', what) },
      faults: sharedFaults,
      sessionNumbers: new Numbers(firstSession, () => primary.ask('nextBlock', 'sessions')),
      transferNumbers: new Numbers(firstTransfer, () => primary.ask('nextBlock', 'transfers')),
    })
    if (config.http !== undefined) {
      const { ObservedProxy } = await import('../http/observed.ts')
      observed = new ObservedProxy(proxy, packageVersion())
    }
    proxy.listener.onEnded = tellEnded
    return { listen: proxy.address, loopback: config.loopback ?? proxy.address }
  },
  isReachable: () => proxy.isReachable(AbortSignal.timeout(LOOK_LIMIT_MS)),
  cancel: key => proxy.listener.cancelOwn(key),
  shown: async what => [...(await proxy.shown(what))],
  standing: async () => looked().standing(),
  samples: async () => looked().samples(),
  cancelTransfer: async id => looked().cancel(id),
  drain: drainMs => proxy.drain(drainMs),
  close: () => proxy.close(0),
}

const primary = new Channel<PrimaryCalls, WorkerCalls>(process, handlers)

primary.onSocket = (number, socket) => {
  received = number
  if (socket) proxy.listener.accept(socket)
  tellEnded()
}

/** Of those that were handed to this worker, also such as never came. */
function tellEnded(): void {
  const count = received - proxy.listener.load
  if (count !== ended) primary.tell('ended', count)
  ended = count
}

function looked(): ObservedProxy {
  if (observed === undefined) throw new Error('nobody was to look')
  return observed
}

/** The primary has them, so that a fault happens as often as was asked for, in whichever worker. */
const sharedFaults: FaultStore = {
  inject: (database: string, fault: InjectedFault) => primary.ask('injectFault', database, fault),
  clear: (database: string) => primary.ask('clearFaults', database),
  of: (database: string) => primary.ask('faults', database),
  takerFor: (database: string) => (use: Use) => primary.ask('takeFault', database, use),
}
