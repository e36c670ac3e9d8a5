import { once } from 'node:events'
import net from 'node:net'
import { expect, it } from 'vitest'
import { backendConfig } from '../../../src/config/backend-url.ts'
import { connectBackend } from '../../../src/connection/backend.ts'

it('A backend is heard to its end though it takes no more', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const words: string[] = []
  const reader = {
    read: (chunk: Buffer) => {
      words.push(chunk.toString())
      return true
    },
    readBuffer: () => Buffer.alloc(100),
  }
  const config = { host: '127.0.0.1', port, user: 'u', password: undefined, database: 'd' }
  const accepted = once(server, 'connection')
  const socket = connectBackend(backendConfig(config), reader)
  socket.on('error', () => {}).on('end', () => socket.destroy())
  const closed = new Promise(resolve => socket.once('close', resolve))
  await once(socket, 'connect')
  const [backend] = (await accepted) as [net.Socket]
  socket.pause()
  await new Promise(resolve => backend.write('last words', resolve))
  backend.resetAndDestroy()
  await once(backend, 'close')
  for (let i = 0; i < 2; i++) await new Promise(resolve => socket.write('a row', resolve))
  socket.resume()
  await closed
  expect(words).toEqual(['last words'])
  server.close()
})
