import { X509Certificate } from 'node:crypto'
import type net from 'node:net'
import tls from 'node:tls'
import type { BackendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../log.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { connectBackendSecurely } from './backend.ts'
import { passOfferWithoutBinding } from './channel-binding.ts'

/** The server that sessions go to. */
export interface Destination {
  readonly backend: BackendConfig
  readonly backends: readonly BackendConfig[]
  /** Looks whether it is another one by now. */
  reconsider(): Promise<void>
}

export interface SecureLogin {
  readonly server: BackendConfig
  /** Connected, and over TLS unless sslmode=prefer has found none. */
  readonly backend: net.Socket
  /** What the backend is to be sent first. */
  readonly next: Buffer
}

/**
 * Connects a client's backend, over TLS if that is configured, and to another server if one cannot be reached; then takes
 * the login past the point where channel binding is agreed on. Undefined when a side has hung up meanwhile.
 * @throws PgError to tell the client
 */
export async function logInSecurely(
  destination: Destination,
  config: Pick<Config, 'tls'>,
  client: net.Socket,
  startupPacket: Buffer,
  log: Logger,
  signal: AbortSignal,
): Promise<SecureLogin | undefined> {
  const { server, backend } = await connect(destination, log, signal)
  // readExactly() is told by other events that a socket has failed; without a listener the error would end the process.
  const ignore = (): void => {}
  client.on('error', ignore)
  try {
    const next = canPassBinding(client, backend, config)
      ? startupPacket
      : await passOfferWithoutBinding({ client, backend, log, signal }, startupPacket)
    if (next !== undefined && !client.destroyed) return { server, backend, next }
    backend.destroy()
    client.destroy()
    return undefined
  } catch (error) {
    backend.destroy()
    throw error
  } finally {
    client.off('error', ignore)
  }
}

async function connect(
  destination: Destination,
  log: Logger,
  signal: AbortSignal,
): Promise<{ server: BackendConfig; backend: net.Socket }> {
  for (let isLast = destination.backends.length === 1; ; isLast = true) {
    const server = destination.backend
    try {
      return { server, backend: await connectBackendSecurely(server, signal) }
    } catch (error) {
      log.warn({ err: error }, 'backend cannot be reached')
      if (isLast) {
        throw new PgError({
          message: `blobgres: could not connect to the PostgreSQL server at ${server.host}:${server.port}`,
          code: SQLSTATE.cannotConnectNow,
          detail: error instanceof Error ? error.message : String(error),
        })
      }
    }
    await destination.reconsider()
  }
}

/**
 * A server without TLS offers none; one whose very certificate the client sees at the proxy is bound to as if there were no
 * proxy.
 */
function canPassBinding(client: net.Socket, backend: net.Socket, config: Pick<Config, 'tls'>): boolean {
  if (!(backend instanceof tls.TLSSocket)) return true
  if (!(client instanceof tls.TLSSocket) || config.tls === undefined) return false
  const servers = backend.getPeerX509Certificate()
  return servers?.raw.equals(new X509Certificate(config.tls.cert).raw) ?? false
}
