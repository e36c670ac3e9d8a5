import net from 'node:net'
import { tmpdir } from 'node:os'
import { createSecureContext } from 'node:tls'
import { createOccurrences, type Occurrences } from './activity/occurrences.ts'
import { Progress } from './activity/progress.ts'
import { Sessions } from './activity/sessions.ts'
import { Transfers } from './activity/transfers.ts'
import { Conversions } from './backend/conversions.ts'
import { ServerState } from './backend/server-state.ts'
import { type Config, hasOwnSchema } from './config/config.ts'
import { ManagedIdentity } from './credentials/managed-identity.ts'
import { limitEngines } from './formats/parquet/engine-places.ts'
import { sweepPrivateFolders } from './formats/parquet/private-folder.ts'
import { Listener } from './listener.ts'
import type { Logger } from './log.ts'
import { LoopbackService } from './loopback/service.ts'
import { MemoryBudget } from './memory-budget.ts'
import type { Services } from './services.ts'
import { TextReader } from './sql/text-reader.ts'
import { Faults } from './storage/faults.ts'

export interface RunningProxy {
  readonly address: { readonly host: string; readonly port: number }
  readonly transfers: Transfers
  readonly sessions: Sessions
  readonly occurrences: Occurrences
  /** It is about to end: logins are refused. */
  readonly isDraining: boolean
  /** Whether the server reaches it now, for the functions. @throws where the server cannot be asked, or not in time */
  isReachable(signal: AbortSignal): Promise<boolean>
  /** Refuses logins; ends sessions as they become idle, and after `drainMs` all that is still under way. */
  close(drainMs?: number): Promise<void>
}

/** Starts a proxy in front of a PostgreSQL that is up. @throws when the server or the address cannot be had. */
export async function startProxy(config: Config, log: Logger): Promise<RunningProxy> {
  const services = await prepareServices(config, log)
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
    server.listen(config.listen.port, config.listen.host, resolve)
  })
  server.on('error', error => log.error({ err: error }, 'cannot accept a connection'))
  const address = server.address() as net.AddressInfo
  await loopback.announce({ host: config.listen.host, port: address.port })
  log.info({ host: address.address, port: address.port }, 'listening')
  let isDraining = false
  return {
    address: { host: config.listen.host, port: address.port },
    transfers: services.transfers,
    sessions: services.sessions,
    occurrences: services.occurrences,
    get isDraining() {
      return isDraining
    },
    isReachable: signal => loopback.isReachable(signal),
    async close(drainMs = config.drainTimeoutMs) {
      isDraining = true
      const deadline = performance.now() + drainMs
      loopback.stepBack()
      await listener.drain(drainMs)
      await loopback.drain(Math.max(0, deadline - performance.now()))
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      listener.close()
      services.texts.close()
      await loopback.close()
      services.conversions.close()
      await closed
    },
  }
}

async function prepareServices(config: Config, log: Logger): Promise<Services> {
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
    transfers: new Transfers(log, sessions),
    occurrences: createOccurrences(),
    faults: hasOwnSchema(config) ? new Faults(log) : undefined,
  }
}
