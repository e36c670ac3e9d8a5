import { progressText } from './progress-text.ts'
import type { Sessions } from './sessions.ts'
import type { Transfer } from './transfer.ts'

const INTERVAL_MS = 2000

interface Followed {
  readonly statement: string
  readonly transfers: Set<Transfer>
  readonly timer: NodeJS.Timeout
}

/** Tells clients that want it, now and then, how far the transfers of their statements are. */
export class Progress {
  readonly #sessions: Sessions
  readonly #isDefault: boolean
  readonly #intervalMs: number
  readonly #bySession = new Map<number, Followed>()

  /** `isDefault`: for sessions that have not said whether they want it. */
  constructor(sessions: Sessions, isDefault = false, intervalMs = INTERVAL_MS) {
    this.#sessions = sessions
    this.#isDefault = isDefault
    this.#intervalMs = intervalMs
  }

  /** `statement` tells the statements of a session apart: all transfers of one share its notices. */
  follow(transfer: Transfer, statement: string, isWanted: boolean | undefined): void {
    const { session: id } = transfer.facts
    if (!(isWanted ?? this.#isDefault) || id === undefined) return
    let followed = this.#bySession.get(id)
    if (followed?.statement !== statement) {
      clearInterval(followed?.timer)
      const timer = setInterval(() => this.#tell(id), this.#intervalMs).unref()
      followed = { statement, transfers: new Set(), timer }
      this.#bySession.set(id, followed)
    }
    followed.transfers.add(transfer)
  }

  #tell(id: number): void {
    const followed = this.#bySession.get(id)
    if (followed === undefined) return
    for (const transfer of followed.transfers) if (transfer.end) followed.transfers.delete(transfer)
    const session = this.#sessions.get(id)
    if (followed.transfers.size > 0 && session) session.notify(progressText([...followed.transfers]))
    else {
      clearInterval(followed.timer)
      this.#bySession.delete(id)
    }
  }
}
