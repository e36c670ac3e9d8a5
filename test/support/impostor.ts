import type { Socket } from 'node:net'
import { dataRow, rowDescription } from '../../src/loopback/rows.ts'
import { AUTHENTICATION, FRONTEND, STATUS } from '../../src/protocol/codes.ts'
import { type Frame, FrameAssembler, frameBody } from '../../src/protocol/frame-assembler.ts'
import { authentication, commandComplete, parameterStatus, readyForQuery } from '../../src/protocol/messages.ts'
import { serveSockets } from './socket-server.ts'

/** The other side of a connection to an impostor: a backend that takes it for a proxy. */
export interface Dialler {
  readonly socket: Socket
  /** The next message after the startup packet; undefined at the end. */
  next(): Promise<Frame | undefined>
  /** The text of the next message, if it is a Query. */
  query(): Promise<string | undefined>
  send(...bytes: Buffer[]): void
}

export interface Impostor {
  readonly address: { readonly host: string; readonly port: number }
  /** All that was ever said to it. */
  readonly heard: string
  readonly connections: number
  close(): Promise<void>
}

export const ready = readyForQuery(STATUS.idle)

/** What a proxy says after a startup packet. */
export const welcome = (encoding = 'UTF8'): Buffer =>
  Buffer.concat([
    authentication(AUTHENTICATION.ok, ''),
    parameterStatus('client_encoding', encoding),
    parameterStatus('standard_conforming_strings', 'on'),
    ready,
  ])

/** A reply of rows. */
export const rows = (names: readonly string[], ...values: readonly (readonly string[])[]): Buffer =>
  Buffer.concat([rowDescription(names), ...values.map(row => dataRow(row)), commandComplete('SELECT'), ready])

/** Somebody who listens where a proxy is registered. `behave` is called once the startup packet has come. */
export async function startImpostor(behave: (dialler: Dialler) => Promise<void> | void): Promise<Impostor> {
  const heard: Buffer[] = []
  let connections = 0
  const server = await serveSockets(socket => {
    connections++
    const frames: Frame[] = []
    let ended = false
    let wake = (): void => {}
    let startup: Buffer | undefined = Buffer.alloc(0)
    const assembler = new FrameAssembler(frame => frames.push(frame))
    const dialler: Dialler = {
      socket,
      async next() {
        while (frames.length === 0 && !ended) {
          await new Promise<void>(resolve => {
            wake = resolve
          })
        }
        return frames.shift()
      },
      async query() {
        const frame = await dialler.next()
        return frame?.code === FRONTEND.query ? frameBody(frame).toString('utf8').slice(0, -1) : undefined
      },
      send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    }
    socket.on('data', chunk => {
      heard.push(chunk)
      if (startup === undefined) assembler.push(chunk)
      else {
        startup = Buffer.concat([startup, chunk])
        if (startup.length < 4 || startup.length < startup.readInt32BE(0)) return
        const rest = startup.subarray(startup.readInt32BE(0))
        startup = undefined
        void Promise.resolve(behave(dialler)).catch(() => socket.destroy())
        if (rest.length > 0) assembler.push(rest)
      }
      wake()
    })
    socket.on('close', () => {
      ended = true
      wake()
    })
  })
  return {
    address: { host: '127.0.0.1', port: server.port },
    get heard() {
      return Buffer.concat(heard).toString('latin1')
    },
    get connections() {
      return connections
    },
    close: () => server.close(),
  }
}
