import type { CopyDataSink, Frame } from '../protocol/frame-assembler.ts'

/**
 * What an operation sees of its session while it has the backend for itself: the client's later messages wait, and every
 * backend message goes through the operation's hands.
 */
export interface Wire {
  /** Aborted when the client or the backend is gone. */
  readonly signal: AbortSignal
  /** The backend's next message. Rejects with ConnectionLost when there is none any more. */
  next(): Promise<Frame>
  /** Sends to the backend; false: wait for drained() before the next bulk. */
  send(bytes: Buffer): boolean
  sendCopyData(payload: Buffer): boolean
  drained(): Promise<void>
  toClient(frame: Buffer): void
  /** Where CopyData payloads of the backend go instead of next(). */
  setCopyDataSink(sink: CopyDataSink | undefined): void
  /** Stops reading from the backend while a sink is full; the two calls pair. */
  pauseBackend(): void
  resumeBackend(): void
  /** Lets the client's own CopyData through until its CopyDone or CopyFail (a COPY FROM STDIN beside ours in one Query). */
  passClientCopy(): void
  /** Asks the server to cancel what the backend does; resolves when the postmaster has passed it on. */
  cancelBackend(): Promise<void>
  /** Called when a client asked for cancellation, after the backend was told. */
  onCancel(listener: (() => void) | undefined): void
}

/** The client or the backend of a session is gone. */
export class ConnectionLost extends Error {
  constructor(side: 'client' | 'backend') {
    super(`${side} connection lost`)
    this.name = 'ConnectionLost'
  }
}
