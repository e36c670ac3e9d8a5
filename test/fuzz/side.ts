import { once } from 'node:events'
import net from 'node:net'
import { BACKEND } from '../../src/protocol/codes.ts'
import { type Frame, FrameAssembler, frameBody } from '../../src/protocol/frame-assembler.ts'
import type { Random } from '../support/random.ts'
import { wire } from '../support/wire.ts'
import { loginPacket } from '../support/wire-client.ts'
import type { Cut } from './script.ts'

/** How a conversation ended: its session is idle and as new; the connection is closed; or no answer came. */
export type Outcome = 'idle' | 'closed' | 'silent'

/** One end of the comparison: a session on the server, directly or through the proxy, that scripts run in. */
export class Side {
  readonly #url: string
  readonly #reset: Buffer
  #socket: net.Socket | undefined
  #frames: Frame[] = []
  #wake: () => void = () => {}

  /** `probe`: a statement that the proxy, when it has lost count of the replies, never comes to. */
  constructor(url: string, probe: string) {
    this.#url = url
    this.#reset = Buffer.concat([...RESET, wire.query(probe), wire.query(`SELECT '${FAREWELL}'`)])
  }

  /** Sends the messages and what brings the session back to its beginning; collects all that is answered. */
  async run(
    messages: readonly Buffer[],
    cut: Cut,
    random: Random,
    patienceMs: number,
  ): Promise<{ frames: Frame[]; outcome: Outcome }> {
    this.#socket ??= await this.#connect()
    this.#frames = []
    void write(this.#socket, [...cutUp(messages, cut, random), this.#reset], cut.pause)
    const outcome = await this.#end(patienceMs)
    if (outcome !== 'idle') this.close()
    return { frames: this.#frames, outcome }
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async #connect(): Promise<net.Socket> {
    const { hostname, port } = new URL(this.#url)
    const socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    const assembler = new FrameAssembler(frame => this.#frames.push(frame))
    socket.on('data', chunk => {
      assembler.push(chunk)
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#wake())
    this.#frames = []
    socket.write(loginPacket(this.#url))
    while (!socket.destroyed && this.#frames.at(-1)?.code !== BACKEND.readyForQuery) await this.#more()
    this.#frames = []
    // The script before may not have come to its end.
    socket.write(CLEAN)
    while (!socket.destroyed && this.#frames.at(-1)?.code !== BACKEND.readyForQuery) await this.#more()
    return socket
  }

  async #end(patienceMs: number): Promise<Outcome> {
    const socket = this.#socket as net.Socket
    const deadline = performance.now() + patienceMs
    for (;;) {
      if (this.#frames.at(-1)?.code === BACKEND.readyForQuery && this.#hasFarewell()) return 'idle'
      if (socket.destroyed) return 'closed'
      const left = deadline - performance.now()
      if (left <= 0) return 'silent'
      const timer = setTimeout(() => this.#wake(), left)
      await this.#more()
      clearTimeout(timer)
    }
  }

  #hasFarewell(): boolean {
    const row = this.#frames.at(-3)
    return row?.code === BACKEND.dataRow && frameBody(row).includes(FAREWELL)
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

const FAREWELL = 'the script has ended'

const CLEAN = wire.query('DELETE FROM t; DELETE FROM b; INSERT INTO b VALUES (0, $$zero$$, 0)')

/** Whatever state a script leaves behind: its effects are shown, then undone. */
const RESET: readonly Buffer[] = [
  wire.copyFail('the end'),
  wire.sync,
  wire.query('ROLLBACK'),
  wire.query('SELECT count(*), sum(a) FROM t; SELECT count(*), sum(a), sum(c), min(b) FROM b'),
  wire.query('DISCARD ALL'),
  CLEAN,
]

function cutUp(messages: readonly Buffer[], { how }: Cut, random: Random): Buffer[] {
  if (how === 'messages') return messages.filter(({ length }) => length > 0)
  const bytes = Buffer.concat(messages)
  if (how === 'whole') return [bytes]
  const writes: Buffer[] = []
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    // Long messages in longer cuts.
    end = at + (how === 'bytes' ? 1 : 1 + random.below(Math.max(40, bytes.length >> 4)))
    writes.push(bytes.subarray(at, end))
  }
  return writes
}

async function write(socket: net.Socket, writes: readonly Buffer[], pause: Cut['pause']): Promise<void> {
  for (const bytes of writes) {
    if (socket.destroyed) return
    socket.write(bytes)
    if (pause === 'turn') await new Promise(setImmediate)
    else if (pause === 'moment') await new Promise(resolve => setTimeout(resolve, 1))
  }
}
