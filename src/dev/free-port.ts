import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Address } from '../config/values.ts'

/** A port of 127.0.0.1 that nobody listens on at this moment, for servers that cannot be asked to pick one. */
export async function freePort(): Promise<number> {
  return tryListen({ host: '127.0.0.1', port: 0 })
}

/** Whether one could listen at `address` at this moment. */
export async function isFree(address: Address): Promise<boolean> {
  try {
    await tryListen(address)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}

async function tryListen(address: Address): Promise<number> {
  const probe = createServer().listen(address)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
