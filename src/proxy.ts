import net from 'node:net'
import { tmpdir } from 'node:os'
import { createSecureContext } from 'node:tls'
import { Numbers } from './activity/numbers.ts'
import { createOccurrences, type Occurrences } from './activity/occurrences.ts'
import { Progress } from './activity/progress.ts'
import { Sessions } from './activity/sessions.ts'
import type { Siblings } from './activity/siblings.ts'
import { Transfers } from './activity/transfers.ts'
import { showOwn } from './admin/show.ts'
import type { Row } from './admin/shown.ts'
import { Conversions } from './backend/conversions.ts'
import { ServerState } from './backend/server-state.ts'
import { type Config, hasOwnSchema } from './config/config.ts'
import type { Address } from './config/values.ts'
import { ManagedIdentity } from './credentials/managed-identity.ts'
import { limitEngines } from './formats/parquet/engine-places.ts'
import { sweepPrivateFolders } from './formats/parquet/private-folder.ts'
import { Listener } from './listener.ts'
import type { Logger } from './log.ts'
import { LoopbackService } from './loopback/service.ts'
import { MemoryBudget } from './memory-budget.ts'
import type { Services } from './services.ts'
import { TextReader } from './sql/text-reader.ts'
import { type FaultStore, Faults } from './storage/faults.ts'

export interface RunningProxy {
  readonly address: { readonly host: string; readonly port: number }
  readonly transfers: Transfers
  readonly sessions: Sessions
  readonly occurrences: Occurrences
  /** It is about to end: logins are refused. */
  readonly isDraining: boolean
  /** Who takes clients, where others accept them. */
  readonly listener: Pick<Listener, 'accept' | 'load' | 'onEnded' | 'cancelOwn'>
  /** What the admin database shows of it. */
  shown(what: string): Promise<Iterable<Row>>
  /** Whether the server reaches it now, for the functions. @throws where the server cannot be asked, or not in time */
  isReachable(signal: AbortSignal): Promise<boolean>
  /** Refuses logins; ends sessions as they become idle, and after `drainMs` all that is still under way. */
  drain(drainMs?: number): Promise<void>
  /** The same, and ends. */
  close(drainMs?: number): Promise<void>
}

/** What one of several workers has of its own, or together with the others. */
export interface Membership {
  /** Where it listens itself, for the functions of its sessions: clients are handed to it. */
  readonly listen: Address
  readonly siblings: Siblings
  readonly faults: FaultStore
  readonly sessionNumbers: Numbers
  readonly transferNumbers: Numbers
}

/**
 * Starts a proxy in front of a PostgreSQL that is up; with a membership, as one of several workers.
 * @throws when the server or the address cannot be had
 */
export async function startProxy(config: Config, log: Logger, membership?: Membership): Promise<RunningProxy> {
  const services = await prepareServices(config, log, membership)
  const { listen } = membership ?? config
  await sweepPrivateFolders(config.tempDir ?? tmpdir())
  if (config.parquetEngines !== undefined) limitEngines(config.parquetEngines)
  const secureContext = config.tls && createSecureContext({ cert: config.tls.cert, key: config.tls.key })
  const loopback = new LoopbackService(services, log)
  const listener = new Listener(services, secureContext, loopback, log)
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, socket =>
    listener.accept(socket),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen.port, listen.host, resolve)
  })
  server.on('error', error => log.error({ err: error }, 'cannot accept a connection'))
  const address = server.address() as net.AddressInfo
  await loopback.announce({ host: listen.host, port: address.port })
  log.info({ host: address.address, port: address.port }, membership ? 'listening for the functions' : 'listening')
  let isDraining = false
  let isDrained = false
  const drain = async (drainMs = config.drainTimeoutMs): Promise<void> => {
    isDraining = true
    const deadline = performance.now() + drainMs
    loopback.stepBack()
    await listener.drain(drainMs)
    await loopback.drain(Math.max(0, deadline - performance.now()))
    isDrained = true
  }
  return {
    address: { host: listen.host, port: address.port },
    transfers: services.transfers,
    sessions: services.sessions,
    occurrences: services.occurrences,
    get isDraining() {
      return isDraining
    },
    listener,
    shown: what => showOwn(what, services),
    isReachable: signal => loopback.isReachable(signal),
    drain,
    async close(drainMs) {
      if (!isDrained) await drain(drainMs)
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      listener.close()
      services.texts.close()
      await loopback.close()
      services.conversions.close()
      await closed
    },
  }
}

async function prepareServices(config: Config, log: Logger, membership?: Membership): Promise<Services> {
  const server = await ServerState.of(config, log)
  const sessions = new Sessions()
  return {
    config,
    server,
    get sealingKey() {
      return server.sealingKey
    },
    get serverMajorVersion() {
      return server.majorVersion
    },
    identity: new ManagedIdentity(config),
    texts: new TextReader(),
    conversions: new Conversions(server),
    memory: new MemoryBudget(config),
    sessions,
    progress: new Progress(sessions, config.progress),
    transfers: new Transfers(log, sessions, membership?.transferNumbers),
    occurrences: createOccurrences(),
    faults: hasOwnSchema(config) ? (membership?.faults ?? new Faults(log)) : undefined,
    sessionNumbers: membership?.sessionNumbers ?? new Numbers(),
    siblings: membership?.siblings,
  }
}
