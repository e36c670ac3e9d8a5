import { EventEmitter } from 'node:events'
import { bulkBegins, bulkEnds } from '../bulk-heap.ts'
import type { Logger } from '../log.ts'
import { Numbers } from './numbers.ts'
import type { Sessions } from './sessions.ts'
import { addTo, noTotals, type Totals } from './totals.ts'
import { Transfer, type TransferFacts } from './transfer.ts'

/** Of those that have ended. */
export const KEPT = 100

/** The transfers of this proxy: those under way, and the last that have ended. */
export class Transfers {
  readonly events = new EventEmitter<{ begin: [Transfer]; end: [Transfer] }>()
  readonly #log: Logger
  readonly #numbers: Numbers
  readonly #sessions: Pick<Sessions, 'get'>
  readonly #live = new Set<Transfer>()
  #finished: Transfer[] = []
  /** Of those that have ended, since the proxy was started. */
  readonly totals: Readonly<Record<Transfer['facts']['direction'], Totals>> = { import: noTotals(), export: noTotals() }

  constructor(log: Logger, sessions: Pick<Sessions, 'get'>, numbers = new Numbers()) {
    this.#log = log
    this.#sessions = sessions
    this.#numbers = numbers
  }

  begin(given: TransferFacts): Transfer {
    const named = given.session === undefined ? undefined : this.#sessions.get(given.session)
    // A session's name is a setting, which another's can be given: the backend's pid is not.
    const session = named?.pid === given.pid ? named : undefined
    const facts = { ...given, session: session?.facts.id }
    const transfer = new Transfer(this.#numbers.next(), facts, ended => this.#ended(ended), session?.errors)
    this.#live.add(transfer)
    bulkBegins()
    this.#log.info(logged(transfer), 'transfer begun')
    this.events.emit('begin', transfer)
    return transfer
  }

  /** In the order in which they have begun. */
  get live(): readonly Transfer[] {
    return [...this.#live]
  }

  /** The last hundred, the oldest first. */
  get finished(): readonly Transfer[] {
    return this.#finished
  }

  #ended(transfer: Transfer): void {
    this.#live.delete(transfer)
    bulkEnds()
    addTo(this.totals[transfer.facts.direction], transfer)
    this.#finished = [...this.#finished.slice(-(KEPT - 1)), transfer]
    const { bytes, rows, ms, end } = transfer
    const ended = { bytes, rows, ms: Math.round(ms), outcome: end?.outcome, sqlstate: end?.sqlstate }
    this.#log.info({ ...logged(transfer), ...ended }, 'transfer ended')
    this.events.emit('end', transfer)
  }
}

/** A session and its backend are called what they are called in the rest of the log. */
function logged({ id, facts: { session, pid, ...facts } }: Transfer): object {
  return { transfer: id, session, backend: pid, ...facts }
}
