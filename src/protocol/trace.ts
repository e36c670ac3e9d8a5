import { BACKEND, FRONTEND } from './codes.ts'
import { MessageCursor } from './message-cursor.ts'

/** Who sends a message: F the frontend (a client), B the backend, as in libpq's PQtrace(). */
export type Direction = 'F' | 'B'

export interface TracedMessage {
  readonly direction: Direction
  /** By the name of the PostgreSQL documentation. */
  readonly message: string
  /** As the message's header has it: all but the type byte. Of all together where there are many. */
  readonly length: number
  /** So many in a row. */
  readonly count?: number
}

/** Of these there are so many that what comes of them in one piece is told in one. */
const ROWS: Readonly<Record<Direction, ReadonlySet<number>>> = {
  F: new Set([FRONTEND.copyData]),
  B: new Set([BACKEND.copyData, BACKEND.dataRow]),
}

const NAMES: Readonly<Record<Direction, ReadonlyMap<number, string>>> = { F: namesOf(FRONTEND), B: namesOf(BACKEND) }

function namesOf(codes: Readonly<Record<string, number>>): Map<number, string> {
  return new Map(
    Object.entries(codes).map(([name, code]) => [
      code,
      name === 'password' ? 'PasswordMessage' : (name[0] as string).toUpperCase() + name.slice(1),
    ]),
  )
}

/** The name of a message by its type byte; one that is not in the protocol by its number. */
export const messageName = (direction: Direction, code: number): string =>
  NAMES[direction].get(code) ?? `0x${code.toString(16).padStart(2, '0')}`

/** Tells of the messages in one direction of a connection: what they are and how long, never what is in them. */
export class MessageTrace {
  readonly #direction: Direction
  readonly #tell: (message: TracedMessage) => void
  readonly #cursor = new MessageCursor()

  constructor(direction: Direction, tell: (message: TracedMessage) => void) {
    this.#direction = direction
    this.#tell = tell
  }

  push(chunk: Buffer): void {
    const cursor = this.#cursor
    let rows = { code: 0, count: 0, length: 0 }
    const tellRows = (): void => {
      if (rows.count > 0) this.#told(rows.code, rows.length, rows.count)
      rows = { code: 0, count: 0, length: 0 }
    }
    for (let offset = 0; offset < chunk.length; ) {
      if (cursor.remaining > 0) {
        offset = cursor.readBody(chunk, offset)
        continue
      }
      offset = cursor.readHeader(chunk, offset)
      if (offset < 0) break
      const { code, length } = cursor
      if (code !== rows.code) tellRows()
      if (ROWS[this.#direction].has(code)) rows = { code, count: rows.count + 1, length: rows.length + length }
      else this.#told(code, length, 1)
    }
    tellRows()
  }

  #told(code: number, length: number, count: number): void {
    const message = messageName(this.#direction, code)
    this.#tell({ direction: this.#direction, message, length, ...(count > 1 && { count }) })
  }
}
