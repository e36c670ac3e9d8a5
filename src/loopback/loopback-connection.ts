import type net from 'node:net'
import { lingeringClose } from '../connection/lingering-close.ts'
import type { Logger } from '../log.ts'
import { backendLost } from '../operations/calls.ts'
import { AUTHENTICATION, FRONTEND, STATUS } from '../protocol/codes.ts'
import { type Frame, FrameAssembler, frameBody } from '../protocol/frame-assembler.ts'
import {
  authentication,
  commandComplete,
  errorFields,
  errorResponse,
  parameterStatus,
  readyForQuery,
} from '../protocol/messages.ts'
import { asPgError, PgError, ProtocolError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Requests } from './requests.ts'
import type { UnprovedConnections } from './unproved.ts'

/** By what the other side has shown of itself. No request is longer; rows have a limit of their own. */
const MAX_LENGTH = { hello: 2 * 1024, request: 4 * 1024 * 1024 } as const
/** The extension's functions ask as soon as they are connected, and do not wait longer either. */
const PROOF_TIMEOUT_MS = 5000
/** A backend hangs up as soon as it has taken its rows. */
const OUTCOME_TIMEOUT_MS = 10_000

/**
 * A connection that the extension's functions open from the backend, with dblink: the proxy answers it itself, in the
 * simple query protocol, one message at a time. It asks for no password: see Handshake.
 */
export class LoopbackConnection {
  readonly #socket: net.Socket
  readonly #requests: Requests
  readonly #unproved: UnprovedConnections
  readonly #log: Logger
  readonly #closed = new AbortController()
  readonly #proofTimer: NodeJS.Timeout
  #answering = false
  #ended = false

  constructor(socket: net.Socket, encoding: string, requests: Requests, unproved: UnprovedConnections, log: Logger) {
    this.#socket = socket
    this.#requests = requests
    this.#unproved = unproved
    this.#log = log
    this.#proofTimer = setTimeout(() => socket.destroy(), PROOF_TIMEOUT_MS)
    unproved.add(this)
    const assembler = new FrameAssembler(frame => this.#take(frame))
    socket.on('data', chunk => {
      if (this.#ended) return
      unproved.received(this, chunk.length)
      assembler.push(chunk)
      this.#expect(assembler)
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#isProved()
      this.#closed.abort()
      requests.close(this.#ended ? undefined : backendLost())
    })
    socket.write(
      Buffer.concat([
        authentication(AUTHENTICATION.ok, ''),
        parameterStatus('client_encoding', encoding),
        parameterStatus('server_encoding', encoding),
        parameterStatus('standard_conforming_strings', 'on'),
        readyForQuery(STATUS.idle),
      ]),
    )
    socket.resume()
  }

  /** Ends the connection and everything it has under way. */
  destroy(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  /** The message under way says how long it is before most of it has come. */
  #expect(assembler: FrameAssembler): void {
    const length = assembler.announcedLength
    const { expected } = this.#requests
    if (expected !== 'rows') {
      if (length > MAX_LENGTH[expected]) this.#fail(tooLong())
      return
    }
    // Whoever is in the midst of sending rows listens for an answer only behind them.
    const drop = (error: unknown): void => {
      this.#requests.messageAnswered()
      assembler.dropMessage(() => void this.#tell(error))
    }
    const memory = this.#requests.expectRows(length, drop)
    if (memory === undefined) return
    this.#socket.pause()
    memory.catch(drop).finally(() => this.#socket.resume())
  }

  #isProved(): void {
    clearTimeout(this.#proofTimer)
    this.#unproved.remove(this)
  }

  #take(frame: Frame): void {
    if (this.#ended) return
    if (frame.code === FRONTEND.terminate) this.#end()
    else if (frame.code !== FRONTEND.query || this.#answering)
      this.#fail(new ProtocolError('azure_storage: unexpected message'))
    else if (this.#requests.expected !== 'rows' && frame.bytes.length > MAX_LENGTH[this.#requests.expected]) {
      this.#fail(tooLong())
    } else {
      this.#answering = true
      this.#answer(frame).finally(() => {
        this.#requests.messageAnswered()
        this.#answering = false
      })
    }
  }

  async #answer(frame: Frame): Promise<void> {
    const body = frameBody(frame)
    const answered = () => Buffer.concat([commandComplete(this.#requests.commandTag), readyForQuery(STATUS.idle)])
    try {
      for await (const bytes of this.#requests.answer(body.subarray(0, body.length - 1), () => this.#isProved())) {
        await this.#write(bytes)
      }
      if (this.#requests.hasRead) this.#awaitOutcome(answered())
      else await this.#write(answered())
    } catch (error) {
      // After a Terminate there is nobody to be told, and that it was cut off is no failure.
      if (this.#closed.signal.aborted || this.#ended) return
      if (error instanceof ProtocolError) {
        this.#fail(error)
        return
      }
      await this.#tell(error)
    }
    if (this.#requests.isOver) this.#end()
  }

  /** How the backend takes its rows: it hangs up, and says before if they were bad. */
  #awaitOutcome(answered: Buffer): void {
    this.#socket.write(answered)
    this.#socket.setTimeout(OUTCOME_TIMEOUT_MS, () => this.#end())
  }

  async #tell(error: unknown): Promise<void> {
    const told = asPgError(error)
    if (told.code === SQLSTATE.internalError) this.#log.error({ err: error }, 'loopback request failed')
    const fields = await this.#requests.errorFields(told)
    this.#socket.write(Buffer.concat([errorResponse(fields), readyForQuery(STATUS.idle)]))
  }

  /** A peer that does not keep to the exchange is none of the extension's. */
  #fail(error: ProtocolError): void {
    this.#log.warn({ err: error }, 'a loopback connection is refused')
    this.#end(errorResponse(errorFields(new PgError(error), 'FATAL')))
  }

  #end(last?: Buffer): void {
    this.#ended = true
    this.#requests.close()
    lingeringClose(this.#socket, last)
  }

  async #write(bytes: Buffer): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) throw signal.reason
    if (this.#socket.write(bytes)) return
    await new Promise<void>((resolve, reject) => {
      const lost = (): void => {
        this.#socket.off('drain', drained)
        reject(signal.reason)
      }
      const drained = (): void => {
        signal.removeEventListener('abort', lost)
        resolve()
      }
      this.#socket.once('drain', drained)
      signal.addEventListener('abort', lost, { once: true })
    })
  }
}

const tooLong = (): ProtocolError => new ProtocolError('azure_storage: the message is too long')
