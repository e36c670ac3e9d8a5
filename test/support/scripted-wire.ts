import { BACKEND, HEADER_LENGTH } from '../../src/protocol/codes.ts'
import type { CopyDataSink, Frame } from '../../src/protocol/frame-assembler.ts'
import type { ErrorFields } from '../../src/protocol/messages.ts'
import { errorResponse } from '../../src/protocol/messages.ts'
import type { Wire } from '../../src/session/wire.ts'
import { message } from './wire.ts'

/** What a scripted backend says next, or waits for. CopyData goes to the sink, if there is one. */
export type Line = Buffer | ((wire: ScriptedWire) => Promise<void>)

/** A borrowed backend that says what a test has written down, and keeps what it and the client are sent. */
export class ScriptedWire implements Wire {
  readonly signal = new AbortController().signal
  /** The payloads of CopyData. */
  copied = ''
  /** Letters of the messages sent to the backend, `cancel` for a CancelRequest. */
  readonly sent: string[] = []
  /** Those messages whole. */
  readonly messages: Buffer[] = []
  readonly replies: Buffer[] = []
  clientCopyPasses = false
  cancel: (() => void) | undefined
  readonly #lines: Line[]
  #sink: CopyDataSink | undefined
  #look: () => void = () => {}

  constructor(lines: readonly Line[]) {
    this.#lines = [...lines]
  }

  async next(): Promise<Frame> {
    for (;;) {
      const line = this.#lines.shift()
      if (line === undefined) throw new Error('the backend has no more to say')
      if (typeof line === 'function') await line(this)
      else if (line[0] === BACKEND.copyData && this.#sink) this.#sink(line.subarray(HEADER_LENGTH))
      else return { code: line[0] as number, bytes: line }
    }
  }

  /** Resolves when `done` holds. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>(resolve => {
        this.#look = resolve
      })
    }
  }

  /** Something may have changed that until() waits for. */
  wake(): void {
    this.#look()
  }

  send(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; ) {
      const end = at + bytes.readUInt32BE(at + 1) + 1
      this.sent.push(String.fromCharCode(bytes[at] as number))
      this.messages.push(bytes.subarray(at, end))
      at = end
    }
    this.wake()
    return true
  }

  sendCopyData(payload: Buffer): boolean {
    this.copied += payload.toString()
    return true
  }

  async drained(): Promise<void> {}

  reply(frame: Frame): void {
    this.replies.push(frame.bytes)
  }

  /** Types of the messages that the client got, with the texts of CommandComplete and ErrorResponse. */
  get told(): string[] {
    return this.replies.map(bytes => {
      const letter = String.fromCharCode(bytes[0] as number)
      return 'CE'.includes(letter) ? `${letter} ${bytes.toString('utf8', 5).replaceAll('\0', ' ').trim()}` : letter
    })
  }

  setCopyDataSink(sink: CopyDataSink | undefined): void {
    this.#sink = sink
  }

  pauseBackend(): void {}
  resumeBackend(): void {}

  passClientCopy(): void {
    this.clientCopyPasses = true
  }

  async cancelBackend(): Promise<void> {
    this.sent.push('cancel')
    this.wake()
  }

  onCancel(listener: (() => void) | undefined): void {
    this.cancel = listener
  }
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`)
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])

/** Messages of a backend. */
export const backend = {
  rowDescription: message(BACKEND.rowDescription, int16(0)),
  dataRow: (values: readonly (string | null)[]): Buffer =>
    message(
      BACKEND.dataRow,
      int16(values.length),
      ...values.flatMap(value => {
        const length = Buffer.alloc(4)
        length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value))
        return [length, Buffer.from(value ?? '')]
      }),
    ),
  complete: (tag: string): Buffer => message(BACKEND.commandComplete, cstring(tag)),
  copyIn: (columns: number): Buffer => message(BACKEND.copyInResponse, Buffer.from([0]), int16(columns)),
  copyOut: (columns: number): Buffer => message(BACKEND.copyOutResponse, Buffer.from([0]), int16(columns)),
  copyData: (data: string): Buffer => message(BACKEND.copyData, Buffer.from(data)),
  copyDone: message(BACKEND.copyDone),
  error: (fields: Readonly<Record<string, string>>): Buffer => errorResponse(asFields(fields)),
  notice: (fields: Readonly<Record<string, string>>): Buffer => errorResponse(asFields(fields), BACKEND.noticeResponse),
  ready: message(BACKEND.readyForQuery, Buffer.from('I')),
}

const asFields = (fields: Readonly<Record<string, string>>): ErrorFields =>
  new Map(Object.entries(fields).map(([type, value]) => [type, Buffer.from(value)]))
