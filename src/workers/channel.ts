import type { Socket } from 'node:net'
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
  | { readonly kind: 'socket' }

/** An error, as far as it means something to who is told. */
interface Failure extends Omit<PgErrorFields, 'code'> {
  readonly code?: string | undefined
  readonly isPgError: boolean
  readonly causeCode?: string | undefined
}

/** A process at the other end: a ChildProcess, or `process` in it. */
interface End {
  readonly connected?: boolean
  send?(message: Message, socket: Socket | undefined, options: object, done: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown, socket: unknown) => void): unknown
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
  #nextId = 1
  onSocket: ((socket: Socket) => void) | undefined

  constructor(end: End, handlers: Handlers<Ours>) {
    this.#end = end
    this.#handlers = handlers
    end.on('message', (message, socket) => this.#take(message as Message, socket as Socket | undefined))
    end.on('disconnect', () => this.#failAll(new Error(GONE)))
  }

  /** Rejects with the error at the other end, or where that is gone. */
  ask<K extends keyof Theirs & string>(name: K, ...args: Arguments<Theirs[K]>): Promise<Result<Theirs[K]>> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'ask', id, name, args }, undefined, error => this.#settle(id)?.reject(error))
    })
  }

  /** Expects no answer. */
  tell<K extends keyof Theirs & string>(name: K, ...args: Arguments<Theirs[K]>): void {
    this.#send({ kind: 'tell', name, args }, undefined, () => {})
  }

  /** `lost` is called where it cannot be had over there. */
  hand(socket: Socket, lost: () => void): void {
    this.#send({ kind: 'socket' }, socket, lost)
  }

  #send(message: Message, socket: Socket | undefined, failed: (error: Error) => void): void {
    if (!this.#end.connected) {
      failed(new Error(GONE))
      return
    }
    this.#end.send?.(message, socket, {}, error => error && failed(error))
  }

  #take(message: Message, socket: Socket | undefined): void {
    switch (message.kind) {
      case 'socket':
        // It may have been closed on its way.
        if (socket) this.onSocket?.(socket)
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
