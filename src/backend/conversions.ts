import type { Client, QueryConfig } from 'pg'
import type { ErrorFields } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { connectAdmin } from './admin.ts'
import { connectionLost, fromDatabase } from './database-error.ts'
import type { ServerState } from './server-state.ts'

const MAX_CONNECTIONS = 4
const IDLE_MS = 10_000

const CONVERT = `
SELECT pg_catalog.convert(bytes, $2, $3) AS bytes
FROM pg_catalog.unnest($1::pg_catalog.bytea[]) WITH ORDINALITY AS t (bytes, n) ORDER BY n`
const CONVERT_ONE = 'SELECT pg_catalog.convert($1, $2, $3) AS bytes'

const UTF8 = 'UTF8'
/** Bytes of any encoding: PostgreSQL converts them neither from nor to another. */
export const SQL_ASCII = 'SQL_ASCII'
/** The only one that cannot be converted from and to UTF-8. */
const MULE_INTERNAL = 'MULE_INTERNAL'
const LACKING: ReadonlySet<string> = new Set([SQLSTATE.untranslatableCharacter, SQLSTATE.characterNotInRepertoire])

/** Whether PostgreSQL cannot but have a conversion between the two. */
export const isConvertible = (from: string, to: string): boolean =>
  (from === UTF8 || to === UTF8) && from !== MULE_INTERNAL && to !== MULE_INTERNAL

/**
 * The server's own conversions between encodings, whose errors are PostgreSQL's: over a few connections that all calls of
 * a proxy share, made when they are needed, and closed when they are not.
 */
export class Conversions {
  readonly #server: Pick<ServerState, 'backend'>
  readonly #idle = new Map<Client, NodeJS.Timeout>()
  readonly #waiting: (() => void)[] = []
  #open = 0
  #isClosed = false

  constructor(server: Pick<ServerState, 'backend'>) {
    this.#server = server
  }

  /** Whole characters, all valid, or none is converted. From one encoding to the same: they are checked. @throws PgError */
  async convert(bytes: Buffer, from: string, to: string): Promise<Buffer> {
    const [converted] = await this.#query({ text: CONVERT_ONE, values: [bytes, from, to] }, to)
    return converted as Buffer
  }

  /** @throws PgError for a character that the encoding lacks */
  async encodeAll(texts: readonly string[], encoding: string): Promise<Buffer[]> {
    const encoded = texts.map(text => Buffer.from(text))
    if (encoding === UTF8 || encoding === SQL_ASCII) return encoded
    const beyondAscii = encoded.filter((bytes, i) => bytes.length > (texts[i] as string).length)
    if (beyondAscii.length === 0) return encoded
    const converted = await this.#query({ text: CONVERT, values: [beyondAscii, UTF8, encoding] }, encoding)
    const byBytes = new Map(beyondAscii.map((bytes, i) => [bytes, converted[i] as Buffer]))
    return encoded.map(bytes => byBytes.get(bytes) ?? bytes)
  }

  /** A text with a character that the encoding lacks has question marks: others' names are not to keep anything from being shown. */
  async encodeShown(texts: readonly string[], encoding: string): Promise<Buffer[]> {
    try {
      return await this.encodeAll(texts, encoding)
    } catch (error) {
      const isLacking = error instanceof PgError && LACKING.has(error.code)
      if (!isLacking || texts.length <= 1) return texts.map(text => Buffer.from(text.replace(/[^\0-\x7f]/gu, '?')))
      const half = Math.ceil(texts.length / 2)
      const first = await this.encodeShown(texts.slice(0, half), encoding)
      return [...first, ...(await this.encodeShown(texts.slice(half), encoding))]
    }
  }

  /** An error of the proxy's own for whoever reads another encoding. */
  async encodeError(fields: ErrorFields, encoding: string): Promise<ErrorFields> {
    const encoded = await this.encodeShown(Array.from(fields.values(), String), encoding)
    return new Map(Array.from(fields.keys(), (field, i) => [field, encoded[i] as Buffer]))
  }

  /** @throws PgError */
  async decode(bytes: Buffer, encoding: string): Promise<string> {
    return (await this.convert(bytes, encoding, UTF8)).toString()
  }

  close(): void {
    this.#isClosed = true
    for (const [client, timer] of this.#idle) {
      clearTimeout(timer)
      void client.end()
    }
    this.#idle.clear()
  }

  async #query(query: QueryConfig, to: string): Promise<Buffer[]> {
    const client = await this.#take()
    try {
      const { rows } = await client.query<{ bytes: Buffer }>(asBytes(query, to))
      this.#giveBack(client)
      return rows.map(({ bytes }) => bytes)
    } catch (error) {
      const told = fromDatabase(error)
      if (told instanceof PgError && !/^(57P|08)/.test(told.code)) this.#giveBack(client)
      else this.#drop(client)
      throw told instanceof PgError ? told : connectionLost(error)
    }
  }

  /** One that is idle, or a new one, or when there are too many, the next that is given back. */
  async #take(): Promise<Client> {
    for (;;) {
      const [idle] = this.#idle
      if (idle !== undefined) {
        const [client, timer] = idle
        clearTimeout(timer)
        this.#idle.delete(client)
        return client
      }
      if (this.#open < MAX_CONNECTIONS) return await this.#connect()
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  async #connect(): Promise<Client> {
    this.#open++
    try {
      const client = await connectAdmin(this.#server.backend)
      client.on('end', () => this.#idle.has(client) && this.#drop(client))
      return client
    } catch (error) {
      this.#open--
      this.#waiting.shift()?.()
      throw error
    }
  }

  #giveBack(client: Client): void {
    if (this.#isClosed) {
      this.#drop(client)
      return
    }
    this.#idle.set(client, setTimeout(() => this.#drop(client), IDLE_MS).unref())
    this.#waiting.shift()?.()
  }

  #drop(client: Client): void {
    clearTimeout(this.#idle.get(client))
    this.#idle.delete(client)
    this.#open--
    client.end().catch(() => {})
    this.#waiting.shift()?.()
  }
}

/** The driver reads every value as UTF-8: what is, comes as it is, and the rest in hexadecimal. */
function asBytes(query: QueryConfig, to: string): QueryConfig {
  const getTypeParser = () => (value: string | Buffer) =>
    typeof value === 'string' ? Buffer.from(value.slice(2), 'hex') : value
  return { ...query, binary: to === UTF8, types: { getTypeParser } } as QueryConfig
}
