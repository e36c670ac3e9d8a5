import type net from 'node:net'
import type { BackendReader } from '../connection/backend.ts'
import type { Logger } from '../log.ts'
import type { BusyPoll } from './busy-poll.ts'

export interface SessionOptions {
  readonly client: net.Socket
  /** For the client to read when the backend cannot be reached. */
  readonly backendName: string
  readonly connectBackend: (reader: BackendReader) => net.Socket
  readonly cancelBackend: (key: Buffer) => Promise<void>
  readonly startupPacket: Buffer
  readonly log: Logger
  readonly busyPoll: BusyPoll
  readonly onKey: (key: Buffer) => void
  /** The client is told of an error. */
  readonly onError: (sqlstate: string) => void
  /** Whether a function of the session's statement waits for the proxy. */
  readonly isCalling: () => boolean
  /** `why` in words for the log. */
  readonly onClose: (why: string) => void
}
