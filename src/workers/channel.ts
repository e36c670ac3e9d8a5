import { Socket, type SocketConstructorOpts } from 'node:net'
import { PgError, type PgErrorFields } from '../protocol/pg-error.ts'

/** What one side of a channel can be asked. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of all kinds
export type Handlers<T> = { readonly [K in keyof T]: (...args: any[]) => Promise<unknown> }

type Result<F> = F extends (...args: never[]) => Promise<infer R> ? R : never
type Arguments<F> = F extends (...args: infer A) => Promise<unknown> ? A : never

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'tell'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'socket'; readonly number: number }

/** An error, as far as it means something to who is told. */
interface Failure extends Omit<PgErrorFields, 'code'> {
  readonly code?: string | undefined
  readonly isPgError: boolean
  readonly causeCode?: string | undefined
}

/** What Node has of the system's for a socket. */
type Handle = object

/** A process at the other end: a ChildProcess, or `process` in it. */
interface End {
  readonly connected?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: its types do not know handles, which it takes
  send?(message: Message, handle: any, options: object, done: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

const GONE = 'a process of the proxy has ended'

interface Waiting {
  resolve(value: never): void
  reject(error: Error): void
}

/** Two processes that ask each other things; sockets are handed over on the same way. */
export class Channel<Theirs extends object, Ours extends object> {
  readonly #end: End
  readonly #handlers: Handlers<Ours>
  readonly #waiting = new Map<number, Waiting>()
  /** Sockets that are on their way. */
  readonly #handed = new Set<Socket>()
  #nextId = 1
  #lastHanded = 0
  /** Told of each socket, with its number; without one that was closed on its way. Another may have been lost before it. */
  onSocket: ((number: number, socket: Socket | undefined) => void) | undefined

  constructor(end: End, handlers: Handlers<Ours>) {
    this.#end = end
    this.#handlers = handlers
    end.on('message', (message, handle) => this.#take(message as Message, handle as Handle | undefined))
    end.on('disconnect', () => {
      this.#failAll(new Error(GONE))
      for (const socket of this.#handed) socket.destroy()
    })
  }

  /** Rejects with the error at the other end, or where that is gone. */
  ask<K extends keyof Theirs & string>(name: K, ...args: Arguments<Theirs[K]>): Promise<Result<Theirs[K]>> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'ask', id, name, args }, undefined, error => error && this.#settle(id)?.reject(error))
    })
  }

  /** Expects no answer. */
  tell<K extends keyof Theirs & string>(name: K, ...args: Arguments<Theirs[K]>): void {
    this.#send({ kind: 'tell', name, args }, undefined, () => {})
  }

  /**
   * Its client is disconnected where it cannot be had over there. A Socket itself Node sends again when the other process has
   * no descriptor left, and fails an assertion of its own if then there is one; of a handle it has nothing to send again.
   */
  hand(socket: Socket): void {
    const { _handle } = socket as unknown as { readonly _handle: Handle | null }
    this.#handed.add(socket)
    this.#send({ kind: 'socket', number: ++this.#lastHanded }, _handle ?? undefined, () => {
      this.#handed.delete(socket)
      socket.destroy()
    })
  }

  #send(message: Message, handle: Handle | undefined, done: (error: Error | null) => void): void {
    if (this.#end.connected) this.#end.send?.(message, handle, {}, done)
    else done(new Error(GONE))
  }

  #take(message: Message, handle: Handle | undefined): void {
    switch (message.kind) {
      case 'socket':
        this.onSocket?.(message.number, handle && socketOf(handle))
        break
      case 'ask':
        this.#answer(message.id, this.#handlers[message.name as keyof Ours](...message.args))
        break
      case 'tell':
        void this.#handlers[message.name as keyof Ours](...message.args)
        break
      case 'answer':
        this.#settle(message.id)?.resolve(message.value as never)
        break
      case 'failure':
        this.#settle(message.id)?.reject(errorOf(message.failure))
        break
    }
  }

  #answer(id: number, answer: Promise<unknown>): void {
    answer
      .then(
        (value): Message => ({ kind: 'answer', id, value }),
        (error): Message => ({ kind: 'failure', id, failure: failureOf(error) }),
      )
      .then(message => this.#send(message, undefined, () => {}))
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** Node's types do not know that it can be made of a handle. */
const socketOf = (handle: Handle): Socket => new Socket({ handle, allowHalfOpen: true } as SocketConstructorOpts)

function failureOf(error: unknown): Failure {
  const { message, code, detail, cause } = error as NodeJS.ErrnoException & { readonly detail?: string }
  const fields = error instanceof PgError ? { hint: error.hint, context: error.context } : {}
  const causeCode = (cause as NodeJS.ErrnoException | undefined)?.code
  return { message, code, detail, causeCode, ...fields, isPgError: error instanceof PgError }
}

function errorOf({ isPgError, causeCode, ...fields }: Failure): Error {
  if (isPgError) return new PgError(fields as PgErrorFields)
  const cause = causeCode === undefined ? undefined : { cause: { code: causeCode } }
  return Object.assign(new Error(fields.message, cause), { code: fields.code, detail: fields.detail })
}
