import type { Logger } from '../log.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { RequestContext } from './errors.ts'
import { checkAccountName, checkContainerName } from './names.ts'

export const FAULTS = ['denied', 'unavailable', 'slow', 'truncated', 'not_found', 'leased'] as const
export type Fault = (typeof FAULTS)[number]

/** A fault that somebody has asked for, for the next `times` uses of blobs that it matches. */
export interface InjectedFault {
  readonly fault: Fault
  readonly account: string
  readonly container: string
  readonly pathPattern: string
  readonly times: number
}

/** What a blob, or a listing, is used for. */
export interface Use {
  readonly operation: RequestContext['operation']
  readonly account: string
  readonly container: string
  /** Of a listing, its prefix. */
  readonly path: string
}

/** The fault that a use is to have, which is one less from then on. */
export type TakeFault = (use: Use) => Fault | undefined | Promise<Fault | undefined>

/** Where faults are kept: here, or where the workers of a proxy have them together. */
export interface FaultStore {
  /** Throws, or rejects with, a PgError. */
  inject(database: string, fault: InjectedFault): void | Promise<void>
  clear(database: string): void | Promise<void>
  /** In the order in which they come. */
  of(database: string): readonly InjectedFault[] | Promise<readonly InjectedFault[]>
  /** For uses by sessions of a database. */
  takerFor(database: string): TakeFault
}

const MAX_PATTERN_LENGTH = 1024
/** All of them are looked at before each use. */
const MAX_FAULTS = 100

/**
 * The faults that are to come, for each database by its name. They are the process's, and no part of any transaction: one
 * that has failed because of a fault must not bring it back.
 */
export class Faults implements FaultStore {
  readonly #log: Logger
  readonly #byDatabase = new Map<string, InjectedFault[]>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** @throws PgError */
  inject(database: string, fault: InjectedFault): void {
    const others = this.of(database)
    if (others.length >= MAX_FAULTS) {
      throw new PgError({
        message: `blobgres: there are ${MAX_FAULTS} faults already`,
        code: SQLSTATE.configurationLimitExceeded,
        hint: 'Use SELECT blobgres.clear()',
      })
    }
    this.#byDatabase.set(database, [...others, fault])
  }

  clear(database: string): void {
    this.#byDatabase.delete(database)
  }

  /** In the order in which they come. */
  of(database: string): readonly InjectedFault[] {
    return this.#byDatabase.get(database) ?? []
  }

  /** For uses by sessions of a database. */
  takerFor(database: string): (use: Use) => Fault | undefined {
    return use => {
      const faults = this.of(database)
      const found = faults.find(fault => matches(fault, use))
      if (found === undefined) return undefined
      const { fault, times } = found
      const left = faults.flatMap(each => (each !== found ? [each] : times > 1 ? [{ ...each, times: times - 1 }] : []))
      if (left.length > 0) this.#byDatabase.set(database, left)
      else this.#byDatabase.delete(database)
      this.#log.info({ database, fault, ...use }, 'a fault that was asked for')
      return fault
    }
  }
}

/** @throws PgError where it is none. */
export function checkFault({ fault, account, container, pathPattern, times }: InjectedFault): void {
  if (!FAULTS.includes(fault)) {
    throw invalid(`unknown fault: ${fault}`, `There are ${FAULTS.map(each => `'${each}'`).join(', ')}.`)
  }
  checkAccountName(account)
  checkContainerName(container)
  if (pathPattern.length > MAX_PATTERN_LENGTH) {
    throw invalid(`a pattern has at most ${MAX_PATTERN_LENGTH} characters`)
  }
  if (!(times >= 1)) throw invalid('a fault happens once or more')
}

function matches({ fault, account, container, pathPattern }: InjectedFault, use: Use): boolean {
  if (fault === 'leased' && use.operation !== 'upload') return false // who reads asks for no lease
  return account === use.account && container === use.container && matchesPattern(pathPattern, use.path)
}

/** `*` stands for any characters, slashes among them. Each part is looked for once, so it takes no more than linear time. */
export function matchesPattern(pattern: string, path: string): boolean {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return path === first
  if (!path.startsWith(first)) return false
  let at = first.length
  for (const part of parts) {
    const found = path.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return path.length - last.length >= at && path.endsWith(last)
}

function invalid(message: string, hint?: string): PgError {
  return new PgError({ message: `blobgres: ${message}`, code: SQLSTATE.invalidParameterValue, hint })
}
