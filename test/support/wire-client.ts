import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { BACKEND } from '../../src/protocol/codes.ts'
import { type Frame, FrameAssembler } from '../../src/protocol/frame-assembler.ts'
import { show, startupPacket, wire } from './wire.ts'

/** A client that sends and reads exactly what it is told to. */
export class WireClient {
  /** Process id and key of BackendKeyData, once logged in. */
  key: Buffer = Buffer.alloc(0)
  /** The TCP connection, beneath TLS. */
  readonly #transport: net.Socket
  #socket: net.Socket
  #frames: Frame[] = []
  #raw: Buffer[] | undefined
  #ended = false
  #wake: () => void = () => {}
  readonly #assembler = new FrameAssembler(frame => this.#frames.push(frame))

  private constructor(socket: net.Socket) {
    this.#transport = socket
    this.#socket = socket
    this.#listen()
  }

  /** Just the TCP connection. */
  static async open(url: string): Promise<WireClient> {
    const { hostname, port } = new URL(url)
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    return new WireClient(socket)
  }

  /** Logged in, up to ReadyForQuery. */
  static async connect(url: string, parameters: Readonly<Record<string, string>> = {}): Promise<WireClient> {
    const client = await WireClient.open(url)
    client.send(loginPacket(url, parameters))
    await client.until('Z')
    return client
  }

  get pid(): number {
    return this.key.readInt32BE(0)
  }

  get socket(): net.Socket {
    return this.#socket
  }

  send(...bytes: readonly Buffer[]): void {
    this.#socket.write(bytes.length === 1 ? (bytes[0] as Buffer) : Buffer.concat(bytes))
  }

  /** The next message; undefined at the end of the connection. */
  async read(): Promise<Frame | undefined> {
    while (this.#frames.length === 0 && !this.#ended) await this.#more()
    const frame = this.#frames.shift()
    if (frame?.code === BACKEND.backendKeyData) this.key = frame.bytes.subarray(5)
    return frame
  }

  /** Messages in short up to the last of the given types, in that order ('ZZ': two ReadyForQuery), or the end ('EOF'). */
  async until(codes: string): Promise<string[]> {
    const shown: string[] = []
    const due = [...codes]
    while (due.length > 0) {
      const frame = await this.read()
      if (frame === undefined) {
        shown.push('EOF')
        break
      }
      shown.push(show(frame))
      if (codes !== 'EOF' && String.fromCharCode(frame.code) === due[0]) due.shift()
    }
    return shown
  }

  /** A simple query, its replies in short. */
  async query(sql: string): Promise<string[]> {
    this.send(wire.query(sql))
    return this.until('Z')
  }

  /** The first column of a simple query's first row. */
  async value(sql: string): Promise<string | undefined> {
    this.send(wire.query(sql))
    let value: string | undefined
    for (;;) {
      const frame = await this.read()
      if (frame === undefined || frame.code === BACKEND.readyForQuery) return value
      if (frame.code === BACKEND.errorResponse) throw new Error(show(frame))
      if (frame.code === BACKEND.dataRow) value ??= frame.bytes.toString('utf8', 11, 11 + frame.bytes.readInt32BE(7))
    }
  }

  /** Exactly so many bytes as they come, before there are messages; fewer at the end of the connection. */
  async readRaw(count: number): Promise<Buffer> {
    this.#raw ??= []
    while (!this.#ended && Buffer.concat(this.#raw).length < count) await this.#more()
    const all = Buffer.concat(this.#raw)
    this.#raw = undefined
    if (all.length > count) this.#assembler.push(all.subarray(count))
    return all.subarray(0, count)
  }

  /** Asks for raw bytes instead of messages from now on (call it before sending). */
  expectRaw(): this {
    this.#raw ??= []
    return this
  }

  /** TLS on the same socket from here on. */
  async startTls(options: tls.ConnectionOptions = {}): Promise<void> {
    this.#socket.removeAllListeners()
    this.#socket.on('error', () => {})
    const secured = tls.connect({ socket: this.#socket, rejectUnauthorized: false, ...options })
    this.#socket = secured
    await new Promise((resolve, reject) => {
      secured.once('secureConnect', resolve).once('error', reject)
      secured.once('close', () => reject(new Error('closed during the TLS handshake')))
    })
    this.#listen()
  }

  /** Sends no more, still reads. */
  halfClose(): void {
    this.#socket.end()
  }

  /** Drops the connection without a word; with `reset`, the peer gets an RST. */
  kill(how: 'fin' | 'reset'): void {
    if (how === 'reset') reset(this.#transport)
    else this.#socket.destroy()
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    // Not once(): the peer may have hung up already, and answer what is sent with a reset.
    const closed = new Promise(resolve => this.#socket.once('close', resolve))
    if (!this.#socket.writableEnded) this.#socket.end(wire.terminate)
    this.#socket.resume()
    await closed
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #listen(): void {
    const end = (): void => {
      this.#ended = true
      this.#wake()
    }
    this.#socket.on('data', chunk => {
      if (this.#raw) this.#raw.push(chunk)
      else this.#assembler.push(chunk)
      this.#wake()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('end', () => {
      end()
      this.#socket.end()
    })
    this.#socket.on('close', end)
  }
}

/** Ends a connection with an RST; but Node would never close one that has sent its FIN. */
export function reset(socket: net.Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** The startup packet for a database URL. */
export function loginPacket(url: string, parameters: Readonly<Record<string, string>> = {}, version?: number): Buffer {
  const { username, pathname } = new URL(url)
  return startupPacket({ user: username, database: pathname.slice(1), ...parameters }, version)
}
