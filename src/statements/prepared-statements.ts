import type { Logger } from '../log.ts'
import type { Secret } from '../sql/account-secrets.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import type { Script, Step } from './script.ts'

/** A prepared statement of ours. */
export interface Prepared {
  readonly step: Step
  /** Credentials among its parameters. */
  readonly secrets: readonly Secret[]
  readonly rewrite: Rewrite
  /** What it takes of memory, roughly. */
  readonly bytes: number
  /** Gives back what was made for it. */
  readonly release: () => Promise<void>
}

/** Of a session's, as far as they are ours: the server keeps them too, but nobody but the proxy counts what the proxy keeps. */
export const MAX_KEPT = 10_000
export const MAX_KEPT_BYTES = 64 * 1024 * 1024
/** A column or option of a COPY, or a parameter. */
const PART_BYTES = 128
/** PostgreSQL tells names apart by so many bytes, and keeps no more. */
const NAME_BYTES = 63

/** What is kept of a prepared statement; `text` is the client's. */
export function preparedFrom(
  text: string,
  { text: rewritten, steps, rewrite }: Script,
  secrets: readonly Secret[],
): Omit<Prepared, 'release'> {
  const step = steps[0] as Step
  const parameters = secrets.filter(({ source }) => 'parameter' in source)
  const copyParts = 'copy' in step ? step.copy.columns.length + step.copy.options.length : 0
  const bytes = text.length + rewritten.length + PART_BYTES * (parameters.length + copyParts)
  return { step, secrets: parameters, rewrite, bytes }
}

/** Those of a client's prepared statements and portals that are ours, under the client's names for them. */
export class PreparedStatements {
  readonly #log: Logger
  readonly #statements = new Map<string, Prepared>()
  readonly #portals = new Map<string, Prepared>()
  /** How many names each has: a portal outlives its statement. */
  readonly #uses = new Map<Prepared, number>()
  #bytes = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** There is none, and no portal. */
  get isEmpty(): boolean {
    return this.#statements.size === 0 && this.#portals.size === 0
  }

  has(name: string): boolean {
    return this.#statements.has(keyOf(name))
  }

  /** Whether one of so many bytes may be kept under that name; the unnamed one is replaced. */
  hasRoomFor(name: string, bytes: number): boolean {
    const replaced = name === '' ? this.#statements.get('') : undefined
    const isFreed = replaced !== undefined && this.#uses.get(replaced) === 1
    const [count, taken] = isFreed
      ? [this.#uses.size - 1, this.#bytes - replaced.bytes]
      : [this.#uses.size, this.#bytes]
    return count < MAX_KEPT && taken + bytes <= MAX_KEPT_BYTES
  }

  hasRoomForPortal(portal: string): boolean {
    return this.#portals.size < MAX_KEPT || this.#portals.has(keyOf(portal))
  }

  add(name: string, prepared: Prepared): void {
    this.#put(this.#statements, name, prepared)
  }

  forget(name: string): void {
    const prepared = this.#remove(this.#statements, name)
    prepared?.release().catch(error => this.#log.warn({ err: error }, 'cannot drop an installer function'))
  }

  /** Of the named ones, all but these are gone. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of [...this.#statements.keys()]) if (name !== '' && !names.has(name)) this.forget(name)
  }

  forgetAll(): void {
    for (const name of [...this.#statements.keys()]) this.forget(name)
  }

  ofName(name: string): Prepared | undefined {
    return this.#statements.get(keyOf(name))
  }

  /** The statement, if there is something to do when it runs, is the portal's from now on. */
  bind(portal: string, prepared: Prepared | undefined): void {
    if (prepared && prepared.step.kind !== 'pass') this.#put(this.#portals, portal, prepared)
    else this.forgetPortal(portal)
  }

  ofPortal(portal: string): Prepared | undefined {
    return this.#portals.get(keyOf(portal))
  }

  forgetPortal(portal: string): void {
    this.#remove(this.#portals, portal)
  }

  forgetPortals(): void {
    for (const portal of [...this.#portals.keys()]) this.forgetPortal(portal)
  }

  #put(names: Map<string, Prepared>, name: string, prepared: Prepared): void {
    this.#remove(names, name)
    names.set(keyOf(name), prepared)
    const uses = this.#uses.get(prepared) ?? 0
    this.#uses.set(prepared, uses + 1)
    if (uses === 0) this.#bytes += prepared.bytes
  }

  #remove(names: Map<string, Prepared>, name: string): Prepared | undefined {
    const key = keyOf(name)
    const prepared = names.get(key)
    if (prepared === undefined) return undefined
    names.delete(key)
    const uses = (this.#uses.get(prepared) as number) - 1
    if (uses > 0) this.#uses.set(prepared, uses)
    else {
      this.#uses.delete(prepared)
      this.#bytes -= prepared.bytes
    }
    return prepared
  }
}

/** A part of a string would keep all of it. */
const keyOf = (name: string): string =>
  name.length <= NAME_BYTES ? name : Buffer.from(name.slice(0, NAME_BYTES), 'latin1').toString('latin1')
