import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createLogger } from '../../../src/log.ts'
import { type BackendEvents, BackendSide } from '../../../src/session/backend-side.ts'
import { BorrowedBackend, type Lender } from '../../../src/session/borrowed-backend.ts'

/** A session's connection to a server at `address`, and how to see whether it is read from. */
async function connect(address: string | 0, wrap: (socket: net.Socket) => net.Socket = socket => socket) {
  const server = net.createServer(client => client.on('error', () => {}).resume())
  await new Promise<void>(resolve => server.listen(address, () => resolve()))
  const target = server.address() as net.AddressInfo | string
  const raw = typeof target === 'string' ? net.connect(target) : net.connect(target.port, '127.0.0.1')
  await once(raw, 'connect')
  const socket = wrap(raw)
  onTestFinished(() => {
    raw.destroy()
    server.close()
  })
  const events: BackendEvents = { read: () => false, drain() {}, end() {}, unreachable() {}, error() {} }
  return { socket, side: new BackendSide(() => socket, Buffer.alloc(0), events, createLogger('silent')) }
}

const resumed = (socket: net.Socket): Promise<void> => expect.poll(() => socket.isPaused()).toBe(false)

it('is not read from for a moment, and then again', async () => {
  const { socket, side } = await connect(0)
  side.gather()
  side.gather()
  expect(socket.isPaused()).toBe(true)
  await resumed(socket)
})

it('stays unread where something else wants that longer', async () => {
  const { socket, side } = await connect(0)
  side.gather()
  side.pause('sink')
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(socket.isPaused()).toBe(true)
  side.resume('sink')
  await resumed(socket)
})

it('may be gone when the moment is over', async () => {
  const { socket, side } = await connect(0)
  side.gather()
  side.destroy()
  await new Promise(resolve => setTimeout(resolve, 20)) // what the timer throws would fail the run
  side.gather()
  expect(socket.destroyed).toBe(true)
})

it('has less time at a Unix socket', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gather-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const timeout = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => timeout.mockRestore())
  const moments: unknown[] = []
  for (const address of [0, join(dir, 'socket')] as const) {
    const { socket, side } = await connect(address)
    timeout.mockClear()
    side.gather()
    moments.push(timeout.mock.calls[0]?.[1])
    expect(socket.isPaused()).toBe(true)
    await resumed(socket)
  }
  expect(moments).toEqual([2, 1])
})

it('is read from all the time with TLS', async () => {
  const { socket, side } = await connect(0, raw => new tls.TLSSocket(raw).on('error', () => {}))
  side.gather()
  expect(socket.isPaused()).toBe(false)
})

it('is asked of the backend for rows of a COPY that come in bulk and in small pieces', () => {
  let gathered = 0
  const lender = { backend: { gather: () => void gathered++ } } as unknown as Lender
  const borrowed = new BorrowedBackend(lender)
  const rows = (bytes: number): Buffer => {
    const message = Buffer.alloc(bytes, 'dxxx')
    message.writeUInt32BE(bytes - 1, 1)
    return message
  }
  for (let i = 0; i < 40; i++) borrowed.read(rows(8192))
  expect(gathered).toBe(0) // they are taken one by one
  const other = new BorrowedBackend(lender)
  other.setCopyDataSink(() => {})
  for (let i = 0; i < 31; i++) other.read(rows(8192))
  expect(gathered).toBe(0)
  other.read(rows(8192))
  expect(gathered).toBe(1)
  other.read(rows(65_536))
  expect(gathered).toBe(1)
  other.read(rows(8192))
  expect(gathered).toBe(2)
})
