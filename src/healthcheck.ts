import { once } from 'node:events'
import { connect } from 'node:net'
import type { Address } from './options.ts'

const TIMEOUT_MS = 3000
/** SSLRequest: the one question every PostgreSQL server answers with a single byte, before it knows who asks. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** Whether something that speaks PostgreSQL's protocol answers at `address`. */
export async function isAnswering(address: Address): Promise<boolean> {
  const socket = connect(address)
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await once(socket, 'connect', { signal })
    socket.write(SSL_REQUEST)
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    return answer.length === 1 && 'SN'.includes(answer.toString())
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
