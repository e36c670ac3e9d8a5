import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { backendConfig } from '../../src/config/backend-url.ts'

afterEach(() => void vi.useRealTimers())

it('A server that takes connections and says nothing is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const config = { host: '127.0.0.1', port, user: 'u', password: undefined, database: 'd' }
  const connected = connectAdmin(backendConfig(config))
  const refused = expect(connected).rejects.toMatchObject({ code: '08001', detail: expect.stringContaining('timeout') })
  const [socket] = await once(server, 'connection')
  const closed = once(socket.resume(), 'close')
  vi.advanceTimersByTime(30_000)
  await refused
  await closed
  server.close()
})
