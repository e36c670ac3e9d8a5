import type { CopyDataSink, Frame } from '../protocol/frame-assembler.ts'

/** What an operation always sees of its session. */
interface Connection {
  /** Aborted when the client or the backend is gone. */
  readonly signal: AbortSignal
  /** Called when a client asked for cancellation, after the backend was told. */
  onCancel(listener: (() => void) | undefined): void
}

/** The backend in a COPY FROM STDIN. */
export interface CopyInWire extends Connection {
  /** Sends to the backend; false: wait for drained() before the next bulk. */
  send(bytes: Buffer): boolean
  sendCopyData(payload: Buffer): boolean
  /** Rejects with ConnectionLost. */
  drained(): Promise<void>
}

/** The backend in a COPY TO STDOUT. */
export interface CopyOutWire extends Connection {
  /** Where CopyData payloads of the backend go instead of next(). */
  setCopyDataSink(sink: CopyDataSink | undefined): void
  /** Stops reading from the backend while a sink is full; the two calls pair. */
  pauseBackend(): void
  resumeBackend(): void
  /** Asks the server to cancel what the backend does; resolves when the postmaster has passed it on. */
  cancelBackend(): Promise<void>
}

/**
 * What an operation sees of its session while it has borrowed the backend: the client's later messages wait, and every
 * backend message goes through the operation's hands.
 */
export interface Wire extends CopyInWire, CopyOutWire {
  /** The backend's next message. Rejects with ConnectionLost when there is none any more. */
  next(): Promise<Frame>
  /** Passes a message on to the client as a reply to its own messages. */
  reply(frame: Frame): void
  /** Lets the client's own CopyData through until its CopyDone or CopyFail (a COPY FROM STDIN beside ours in one Query). */
  passClientCopy(): void
}

/** The client or the backend of a session is gone. */
export class ConnectionLost extends Error {
  constructor(side: 'client' | 'backend') {
    super(`${side} connection lost`)
    this.name = 'ConnectionLost'
  }
}
