import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as Listener } from 'node:net'
import { Client } from 'pg'
import type { Config } from '../config/config.ts'
import { type Address, reachableHost } from '../config/values.ts'
import { loopbackOfWorker } from '../config/workers.ts'
import { formatAddress, loopbackAddresses, ownHost, possibleAddresses } from '../loopback/address.ts'
import { type Ask, type Asker, askingProxies } from '../loopback/ask.ts'
import { LOOPBACK_NAME } from '../loopback/handshake.ts'
import { type Finding, failed, look, ok, shell, untried, wordsOf } from './finding.ts'
import type { Server } from './server-checks.ts'

/** Some addresses, of which each may take three seconds, and names that nobody knows. */
const LOOPBACK_LIMIT_MS = 30_000

const KNOCK_LIMIT_MS = 3000

/** Who listens where the proxy is to listen. */
export type Occupant = 'nobody' | 'proxy' | 'another'

/** Whether the port is free, or a proxy has it. */
export async function checkPort({ listen }: Config): Promise<{ finding: Finding; occupant: Occupant }> {
  let occupant: Occupant = 'another'
  const finding = await look('listen port', async () => {
    const where = formatAddress(listen)
    try {
      await (await listenAt(listen, () => {})).close()
      occupant = 'nobody'
      return ok(`${where} is free`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE')
        return failed(wordsOf(error), shell(`export BLOBGRES_LISTEN=${await elsewhere(code, listen)}`))
      if (await isProxy(listen)) {
        occupant = 'proxy'
        return ok(`a proxy listens at ${where}`)
      }
      return failed(
        `${wordsOf(error)}: something else listens there`,
        shell(`export BLOBGRES_LISTEN=${await elsewhere(code, listen)}`),
      )
    }
  })
  return { finding, occupant }
}

/** Only a proxy lets in whom it takes for a function; whose proxy it is, the loopback tells. */
async function isProxy({ host, port }: Address): Promise<boolean> {
  const client = new Client({
    ...{ host: reachableHost(host), port, user: LOOPBACK_NAME, database: LOOPBACK_NAME, password: '' },
    ...{ ssl: false, connectionTimeoutMillis: KNOCK_LIMIT_MS },
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}

/** Where one can listen instead. */
async function elsewhere(code: string | undefined, { host, port }: Address): Promise<string> {
  const isPlace = code === 'EADDRINUSE' || code === 'EACCES'
  const wanted = { host: isPlace ? host : '127.0.0.1', port: isPlace ? 0 : port }
  const listening = await listenAt(wanted, () => {}).catch(() => listenAt({ ...wanted, port: 0 }, () => {}))
  await listening.close()
  return formatAddress({ ...wanted, port: listening.port })
}

/** Whether the server reaches this machine at one of the addresses that it would be told; nothing stays changed there. */
export function checkLoopback(
  config: Config,
  { admin }: Server,
  asker: Asker,
  isStandby: boolean,
  occupant: Occupant,
): Promise<Finding> {
  return look(
    'loopback',
    async signal => {
      if (isStandby) return untried('the server is a standby, whose functions find the proxy themselves')
      if (occupant === 'another') return untried('there is nobody to be reached, see the listen port')
      // What is in the way of a wait that nobody waits for any more.
      signal.addEventListener('abort', () => void admin.end().catch(() => {}))
      const knocks = new Set<number>()
      const guest = occupant === 'nobody' ? await listenAt(config.listen, () => knocks.add(1)) : undefined
      const listen = guest === undefined ? config.listen : { host: config.listen.host, port: guest.port }
      try {
        return await askingProxies(admin, asker, async ask => {
          const reaches = (address: string) => isReached(ask, address, knocks, guest !== undefined)
          const host = await ownHost(admin)
          const addresses =
            occupant === 'proxy'
              ? await runningAt(config, admin, host)
              : possibleAddresses(listen, config.loopback, host)
          for (const address of addresses) if (await reaches(address)) return ok(`the server reaches ${address}`)
          const reason = `the server does not reach this proxy at ${addresses.join(', ')}`
          for (const address of config.loopback ? possibleAddresses(listen, undefined, host) : []) {
            if (await reaches(address)) return failed(reason, shell(`export BLOBGRES_LOOPBACK=${address}`))
          }
          return failed(reason, {
            advice: config.loopback
              ? 'Leave --loopback out, to have it found, or say at which address the server reaches this machine.'
              : 'Say with --loopback at which address the server reaches this machine; COPY works without.',
          })
        })
      } finally {
        await guest?.close()
      }
    },
    LOOPBACK_LIMIT_MS,
  )
}

/** Where a proxy that runs may be reached: workers have addresses of their own. */
async function runningAt(config: Config, admin: Client, host: string | undefined): Promise<string[]> {
  const { listen, loopback, workers = 1 } = config
  if (workers === 1) return possibleAddresses(listen, loopback, host)
  if (loopback === undefined) return loopbackAddresses(admin)
  return Array.from({ length: workers }, (_, i) => formatAddress(loopbackOfWorker(loopback, i + 1)))
}

/** A proxy proves itself; of what listens here in its place, it is enough that somebody knocks. */
async function isReached(ask: Ask, address: string, knocks: Set<number>, isGuest: boolean): Promise<boolean> {
  knocks.clear()
  const answer = await ask(address, 'PING')
  return isGuest ? knocks.size > 0 : answer !== undefined
}

async function listenAt(
  { host, port }: Address,
  onKnock: () => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const listener: Listener = createServer(socket => {
    socket.on('error', () => {})
    socket.destroy()
    onKnock()
  }).listen(port, host)
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    async close() {
      listener.close()
      await once(listener, 'close')
    },
  }
}
