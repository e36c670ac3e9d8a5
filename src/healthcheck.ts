import { once } from 'node:events'
import { connect } from 'node:net'
import { serialize } from 'pg-protocol'
import type { Address } from './config/values.ts'
import { SQLSTATE } from './protocol/sqlstate.ts'

const TIMEOUT_MS = 3000
const AUTHENTICATION = 'R'
const ERROR_RESPONSE = 'E'
/** In the error of a server that starts or stops, and of a proxy that does not reach its server. */
const CANNOT_CONNECT_NOW = `\0C${SQLSTATE.cannotConnectNow}\0`

/**
 * Whether a PostgreSQL accepts connections at `address`, itself or through a proxy. It is asked as pg_isready asks, without
 * a password: how it would have `user` log in, and even that it would not, only a server that is up can say.
 */
export async function isAnswering(
  address: Address,
  { user, database }: { readonly user: string; readonly database: string } = { user: 'postgres', database: 'postgres' },
): Promise<boolean> {
  const socket = connect(address)
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await once(socket, 'connect', { signal })
    socket.write(serialize.startup({ user, database }))
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    const text = answer.toString('latin1')
    return text[0] === AUTHENTICATION || (text[0] === ERROR_RESPONSE && !text.includes(CANNOT_CONNECT_NOW))
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
