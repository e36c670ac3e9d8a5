import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { serialize } from 'pg-protocol'
import type { BackendConfig } from '../config/backend-url.ts'
import type { BackendTls } from '../config/tls-files.ts'

/** A server that says no to TLS where TLS is required. */
class TlsRefused extends Error {
  override readonly name = 'TlsRefused'
}

/** The TLS that connections to `backend` have; a Unix socket needs none, as with libpq. */
export function backendTls(backend: BackendConfig): BackendTls | undefined {
  return backend.socketPath === undefined ? backend.tls : undefined
}

/** What of the server's certificate is checked, for tls.connect() and for pg. */
export function tlsOptions({ host }: BackendConfig, { mode, ca }: BackendTls): tls.ConnectionOptions {
  return {
    // Without it, a certificate would be compared to `localhost` where the host is an IP address.
    host,
    ...(net.isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(ca && { ca }),
  }
}

/**
 * Asks a server that `socket` is connected to for TLS. With sslmode=prefer, the plain socket is the result where the
 * server has none. Exactly one byte of its answer is taken: more, before there is TLS, could be a man in the middle's
 * (CVE-2021-23222).
 */
export async function startTls(
  socket: net.Socket,
  backend: BackendConfig,
  options: BackendTls,
  signal: AbortSignal,
): Promise<net.Socket> {
  socket.write(serialize.requestSsl())
  await once(socket, 'readable', { signal })
  const answer = (socket.read() as Buffer | null)?.toString('latin1')
  if (answer === 'N' && options.mode === 'prefer') return socket
  if (answer === 'N') throw new TlsRefused(`the server does not offer TLS, and sslmode=${options.mode} asks for it`)
  if (answer !== 'S') throw new TlsRefused('the server did not answer the request for TLS with yes or no')
  const secured = tls.connect({ socket, ...tlsOptions(backend, options) })
  secured.on('error', () => {}) // as for the plain socket: whoever uses it next is told, and until then nobody asks
  await once(secured, 'secureConnect', { signal })
  return secured
}
