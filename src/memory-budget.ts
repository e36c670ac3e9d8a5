/** What a call may hold without asking: the buffers of ordinary rows. */
const FREE_BYTES = 1024 * 1024

/** A row that a function writes is there as a message in pieces, as a whole one, and as what the blob is to hold. */
const COPIES_OF_ROW = 4

const MEBIBYTE = 1024 * 1024
const DEFAULT_MAX_ROW_BYTES = 64 * MEBIBYTE
const DEFAULT_MEMORY_LIMIT_BYTES = 512 * MEBIBYTE

export interface MemoryOptions {
  /** The largest row of the functions, as it travels between server and proxy. */
  readonly maxRowBytes?: number
  /** What all their large rows may take together: at least leastMemory(maxRowBytes). */
  readonly memoryLimitBytes?: number
}

export const leastMemory = (maxRowBytes = DEFAULT_MAX_ROW_BYTES): number => COPIES_OF_ROW * maxRowBytes

interface Waiting {
  readonly lease: MemoryLease
  readonly bytes: number
  grant(): void
}

/**
 * Memory for large rows, which all calls of a proxy share. Calls whose rows are small take nothing of it, and never wait.
 *
 * A call takes more and more while its row grows, and what it holds helps nobody until the row is complete. So memory is
 * given only where somebody can still get all that one call may ever need: that one will complete its row, and then give
 * back enough for the next.
 */
export class MemoryBudget {
  readonly maxRowBytes: number
  /** The most that one call gets. */
  readonly most: number
  #free: number
  readonly #leases = new Set<MemoryLease>()
  #waiting: Waiting[] = []

  constructor({ maxRowBytes = DEFAULT_MAX_ROW_BYTES, memoryLimitBytes }: MemoryOptions) {
    this.maxRowBytes = maxRowBytes
    this.most = leastMemory(maxRowBytes)
    this.#free = memoryLimitBytes ?? Math.max(DEFAULT_MEMORY_LIMIT_BYTES, this.most)
  }

  /** The memory of one call, nothing at first. The caller ends it. */
  open(signal: AbortSignal): MemoryLease {
    return new MemoryLease(this, signal)
  }

  /** For leases alone. Undefined: it was given at once. Rejects with the signal's reason. */
  give(lease: MemoryLease, bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if (bytes <= lease.held) {
      this.#set(lease, bytes)
      this.#serve()
      return undefined
    }
    if ((this.#waiting.length === 0 || this.#isLargest(lease)) && this.#isSafe(lease, bytes)) {
      this.#set(lease, bytes)
      return undefined
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting = this.#waiting.filter(each => each !== waiting)
        reject(signal.reason)
        this.#serve()
      }
      const grant = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const waiting: Waiting = { lease, bytes, grant }
      this.#waiting.push(waiting)
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** In the order in which they came. Only who holds most goes ahead: the others wait for nobody else. */
  #serve(): void {
    let blocked = false
    for (const waiting of [...this.#waiting]) {
      const { lease, bytes } = waiting
      if ((blocked && !this.#isLargest(lease)) || !this.#isSafe(lease, bytes)) {
        blocked = true
        continue
      }
      this.#waiting = this.#waiting.filter(each => each !== waiting)
      this.#set(lease, bytes)
      waiting.grant()
    }
  }

  #isSafe(lease: MemoryLease, bytes: number): boolean {
    const free = this.#free - (bytes - lease.held)
    return free >= 0 && free + Math.max(bytes, this.#largest()) >= this.most
  }

  #isLargest(lease: MemoryLease): boolean {
    return lease.held > 0 && lease.held === this.#largest()
  }

  #largest(): number {
    let largest = 0
    for (const { held } of this.#leases) largest = Math.max(largest, held)
    return largest
  }

  #set(lease: MemoryLease, bytes: number): void {
    this.#free -= bytes - lease.held
    lease.held = bytes
    if (bytes === 0) this.#leases.delete(lease)
    else this.#leases.add(lease)
  }
}

export class MemoryLease {
  /** The budget's to change. */
  held = 0
  readonly #budget: MemoryBudget
  readonly #signal: AbortSignal

  constructor(budget: MemoryBudget, signal: AbortSignal) {
    this.#budget = budget
    this.#signal = signal
  }

  /** The call needs so many bytes from now on: wait for the promise, if there is one, before you take more than before. */
  hold(bytes: number): Promise<void> | undefined {
    const wanted = bytes <= FREE_BYTES ? 0 : Math.min(bytes, this.#budget.most)
    return wanted === this.held ? undefined : this.#budget.give(this, wanted, this.#signal)
  }

  end(): void {
    this.hold(0)
  }
}
