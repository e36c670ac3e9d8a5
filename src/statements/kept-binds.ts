import { isAscii } from '../sql/encoding.ts'

/** Larger ones, and those before the last few, are of statements that run as they are. */
const MAX_BYTES = 16 * 1024
const MAX_KEPT = 16

/** The Bind messages of portals that may have to be made again, by the names of these. */
export class KeptBinds {
  readonly #messages = new Map<string, Buffer>()

  keep(portal: string, message: Buffer): void {
    this.#messages.delete(portal)
    if (message.length > MAX_BYTES || !isAscii(portal)) return
    const [oldest] = this.#messages.keys()
    if (oldest !== undefined && this.#messages.size === MAX_KEPT) this.#messages.delete(oldest)
    this.#messages.set(portal, Buffer.from(message))
  }

  take(portal: string): Buffer | undefined {
    const message = this.#messages.get(portal)
    this.#messages.delete(portal)
    return message
  }
}
