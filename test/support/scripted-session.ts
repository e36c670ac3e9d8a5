import { Progress } from '../../src/activity/progress.ts'
import { Sessions } from '../../src/activity/sessions.ts'
import { Transfers } from '../../src/activity/transfers.ts'
import { Conversions } from '../../src/backend/conversions.ts'
import type { BackendConfig } from '../../src/config/backend-url.ts'
import { createLogger } from '../../src/log.ts'
import { HEADER_LENGTH, STATUS } from '../../src/protocol/codes.ts'
import type { Frame } from '../../src/protocol/frame-assembler.ts'
import type { Services } from '../../src/services.ts'
import type { BorrowedBackend } from '../../src/session/borrowed-backend.ts'
import { Pending } from '../../src/session/pending.ts'
import { type InterceptedSession, StatementInterceptor } from '../../src/statements/intercept.ts'
import { type Line, ScriptedWire } from './scripted-wire.ts'

const READY = 'Z'.charCodeAt(0)
export const sealingKey = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
export const LOGIN = { id: 1, user: 'app', database: 'db' }
export const PID = 42

const BACKEND = { host: '127.0.0.1', port: 1, user: 'postgres', password: undefined, database: 'db' }

/** An account on Azure, and a reader of long texts that gives up. */
const SERVICES = {
  config: {
    storageEndpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
  },
  sealingKey,
  texts: { read: () => Promise.reject(new Error('too long')) },
  transfers: new Transfers(createLogger('silent'), new Sessions()),
  progress: new Progress(new Sessions()),
  conversions: new Conversions({ backend: {} as BackendConfig }),
} as unknown as Services

/** An interceptor of a session that is no more than its books, and whose backend says what a test has written down. */
export class ScriptedSession implements InterceptedSession {
  readonly log = { debug() {}, info() {}, warn() {}, error() {} } as unknown as InterceptedSession['log']
  readonly pending = new Pending()
  readonly parameters = new Map([['client_encoding', 'UTF8']])
  readonly backendPid = PID
  readonly signal = new AbortController().signal
  /** The messages of the client that have passed as they were. */
  readonly passed: Buffer[] = []
  readonly interceptor: StatementInterceptor
  /** What quiet() says. */
  isQuiet = true
  #wire = new ScriptedWire([])

  constructor(status: number = STATUS.idle) {
    this.pending.receivedReady(status)
    this.interceptor = new StatementInterceptor(this, SERVICES, { ...LOGIN, backend: BACKEND })
  }

  get idle(): boolean {
    return this.pending.quiet && this.pending.status === STATUS.idle
  }

  /** Takes a message of the client: passed, or worked on with a backend that says `lines`. */
  async take(bytes: Buffer, lines: readonly Line[] = []): Promise<ScriptedWire> {
    const frame: Frame = { code: bytes[0] as number, bytes }
    const wire = new ScriptedWire(lines)
    this.#wire = wire
    const reply = wire.reply.bind(wire)
    wire.reply = answer => {
      this.answer(answer.bytes)
      reply(answer)
    }
    const operation = this.interceptor.wants(frame.code) ? this.interceptor.examine(frame) : undefined
    if (operation) await operation()
    else this.forward(bytes)
    return wire
  }

  /** The backend's reply to what has passed. */
  answer(bytes: Buffer): void {
    if (bytes[0] === READY) this.pending.receivedReady(bytes[HEADER_LENGTH] as number)
    else this.pending.received(bytes[0] as number)
  }

  async quiet(): Promise<boolean> {
    return this.isQuiet
  }

  async withBackend(work: (backend: BorrowedBackend) => Promise<void>): Promise<void> {
    await work(Object.assign(this.#wire, { pending: this.pending, pid: PID }) as unknown as BorrowedBackend)
  }

  forward(bytes: Buffer): void {
    this.pending.sent(bytes[0] as number)
    this.passed.push(bytes)
  }

  async cancelBackend(): Promise<void> {}
  onCancel(): void {}
}
