import { once } from 'node:events'
import { connect } from 'node:net'
import { serialize } from 'pg-protocol'
import type { Address } from './config/values.ts'

const TIMEOUT_MS = 3000

/** Whether something that speaks PostgreSQL's protocol answers at `address`. */
export async function isAnswering(address: Address): Promise<boolean> {
  const socket = connect(address)
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await once(socket, 'connect', { signal })
    // The one question that every PostgreSQL server answers with a single byte, before it knows who asks.
    socket.write(serialize.requestSsl())
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    return answer.length === 1 && 'SN'.includes(answer.toString())
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
