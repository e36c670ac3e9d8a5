interface Closable {
  destroy(): void
}

/** Anybody who reaches the proxy may have some open; whoever opens more than these loses the oldest. */
const MAX_CONNECTIONS = 1000
/** What they have sent, all together. */
const MAX_BYTES = 64 * 1024 * 1024

/** Loopback connections that have not proved a request yet: they take memory within bounds, and nobody's place for long. */
export class UnprovedConnections {
  /** In the order of their age, with what each has sent. */
  readonly #received = new Map<Closable, number>()
  #total = 0

  add(connection: Closable): void {
    this.#received.set(connection, 0)
    if (this.#received.size > MAX_CONNECTIONS) this.#destroyOldest()
  }

  received(connection: Closable, bytes: number): void {
    const before = this.#received.get(connection)
    if (before === undefined) return
    this.#received.set(connection, before + bytes)
    this.#total += bytes
    while (this.#total > MAX_BYTES) this.#destroyOldest()
  }

  /** It has proved itself, or is closed. */
  remove(connection: Closable): void {
    this.#total -= this.#received.get(connection) ?? 0
    this.#received.delete(connection)
  }

  #destroyOldest(): void {
    const [oldest] = this.#received.keys()
    if (oldest === undefined) return
    this.remove(oldest)
    oldest.destroy()
  }
}
