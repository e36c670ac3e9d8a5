import type net from 'node:net'
import type { Logger } from '../log.ts'
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
import { asPgError, PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { lingeringClose } from '../session/lingering-close.ts'
import type { Requests } from './requests.ts'
import { MECHANISM, ScramServer } from './scram.ts'

/** User and database by which a connection of the extension's functions is told from a client's. */
export const LOOPBACK_NAME = 'azure_storage_loopback'

/** No request of the extension is longer: it sends rows in blocks of some KiB, and a row is at most 1 GiB. */
const MAX_REQUEST_LENGTH = 0x3fffffff
const MAX_LOGIN_MESSAGE_LENGTH = 1024
/** The extension's functions do not wait longer either. */
const LOGIN_TIMEOUT_MS = 5000

/**
 * A connection that the extension's functions open from the backend, with dblink: the proxy answers it itself, in the
 * simple query protocol, one request at a time.
 */
export class LoopbackConnection {
  readonly #socket: net.Socket
  readonly #requests: Requests
  readonly #log: Logger
  readonly #closed = new AbortController()
  readonly #loginTimer: NodeJS.Timeout
  #scram: ScramServer | undefined
  #step: 'initial' | 'response' | 'ready' = 'initial'
  #queue: Promise<void> = Promise.resolve()

  constructor(socket: net.Socket, secret: string, encoding: string, requests: Requests, log: Logger) {
    this.#socket = socket
    this.#requests = requests
    this.#log = log
    this.#scram = new ScramServer(secret)
    this.#loginTimer = setTimeout(() => socket.destroy(), LOGIN_TIMEOUT_MS)
    const assembler = new FrameAssembler(frame => this.#take(frame, encoding))
    socket.on('data', chunk => {
      try {
        assembler.push(chunk)
        if (assembler.announcedLength > this.#lengthLimit) this.#socket.destroy()
      } catch (error) {
        log.error({ err: error }, 'loopback connection failed')
        socket.destroy()
      }
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(this.#loginTimer)
      this.#closed.abort()
      requests.close()
    })
    socket.write(authentication(AUTHENTICATION.sasl, `${MECHANISM}\0\0`))
    socket.resume()
  }

  /** Ends the connection and everything it has under way. */
  destroy(): void {
    this.#socket.destroy()
  }

  get #lengthLimit(): number {
    return this.#step === 'ready' ? MAX_REQUEST_LENGTH : MAX_LOGIN_MESSAGE_LENGTH
  }

  #take(frame: Frame, encoding: string): void {
    if (this.#step !== 'ready') this.#logIn(frame, encoding)
    else if (frame.code === FRONTEND.terminate) this.#socket.end()
    else if (frame.code === FRONTEND.query) this.#queue = this.#queue.then(() => this.#answer(frame))
    else this.#socket.destroy()
  }

  #logIn(frame: Frame, encoding: string): void {
    const scram = this.#scram
    const body = frameBody(frame)
    if (frame.code !== FRONTEND.password || scram === undefined) {
      this.#socket.destroy()
      return
    }
    if (this.#step === 'initial') {
      // Mechanism name, then the client's first message with its length.
      const start = body.indexOf(0) + 5
      const reply = scram.start(body.toString('utf8', start))
      if (body.toString('utf8', 0, start - 5) !== MECHANISM || reply === undefined) {
        this.#refuse()
        return
      }
      this.#socket.write(authentication(AUTHENTICATION.saslContinue, reply))
      this.#step = 'response'
      return
    }
    const reply = scram.finish(body.toString('utf8'))
    if (reply === undefined) {
      this.#refuse()
      return
    }
    clearTimeout(this.#loginTimer)
    this.#scram = undefined
    this.#step = 'ready'
    this.#socket.write(
      Buffer.concat([
        authentication(AUTHENTICATION.saslFinal, reply),
        authentication(AUTHENTICATION.ok, ''),
        parameterStatus('client_encoding', encoding),
        parameterStatus('server_encoding', encoding),
        parameterStatus('standard_conforming_strings', 'on'),
        readyForQuery(STATUS.idle),
      ]),
    )
  }

  #refuse(): void {
    this.#scram = undefined
    this.#log.warn('a loopback connection does not know the secret')
    const error = new PgError({
      message: `password authentication failed for user "${LOOPBACK_NAME}"`,
      code: SQLSTATE.invalidPassword,
    })
    lingeringClose(this.#socket, errorResponse(errorFields(error, 'FATAL')))
  }

  async #answer(frame: Frame): Promise<void> {
    const body = frameBody(frame)
    try {
      for await (const bytes of this.#requests.answer(body.subarray(0, body.length - 1))) await this.#write(bytes)
      await this.#write(Buffer.concat([commandComplete('SELECT'), readyForQuery(STATUS.idle)]))
    } catch (error) {
      if (this.#closed.signal.aborted) return
      const told = asPgError(error)
      if (told.code === SQLSTATE.internalError) this.#log.error({ err: error }, 'loopback request failed')
      this.#socket.write(Buffer.concat([errorResponse(errorFields(told)), readyForQuery(STATUS.idle)]))
    }
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
