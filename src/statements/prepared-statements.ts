import type { Logger } from '../log.ts'
import { FRONTEND } from '../protocol/codes.ts'
import type { Secret } from '../sql/account-secrets.ts'
import type { Rewrite } from '../sql/rewrite.ts'
import type { ParameterValue } from './accelerate-context.ts'
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
  /** Of a portal whose statement may run another way. */
  readonly bound?: BoundValues
}

export interface BoundValues {
  readonly values: readonly ParameterValue[]
  /** What was sent until then: a portal sees the database as it is when it is bound. */
  readonly moves: number
  /** It has run the other way, whatever the backend has of it. */
  isOver: boolean
}

/** More than the names of a blob, and options, take. */
const MAX_BOUND_BYTES = 16 * 1024

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
  #moves = 0

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

  hasRoomForPortal(portal: string, { step }: Prepared): boolean {
    return step.kind === 'accelerable' || this.#hasRoomForPortal(portal)
  }

  #hasRoomForPortal(portal: string): boolean {
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
  bind(portal: string, prepared: Prepared | undefined, values?: () => readonly ParameterValue[] | undefined): void {
    const mayRunAsItIs = prepared?.step.kind === 'accelerable'
    if (mayRunAsItIs && this.#hasRoomForPortal(portal))
      this.#put(this.#portals, portal, this.#withValues(prepared, values?.()))
    else if (prepared && prepared.step.kind !== 'pass' && !mayRunAsItIs) this.#put(this.#portals, portal, prepared)
    else this.forgetPortal(portal)
  }

  /** Something was sent that may change what a portal would see, or end it. */
  moved(): void {
    this.#moves++
  }

  /** A message was passed on unseen. */
  passed(code: number): void {
    if (code !== FRONTEND.parse && code !== FRONTEND.describe && code !== FRONTEND.close) this.moved()
  }

  ofPortal(portal: string): Prepared | undefined {
    return this.#portals.get(keyOf(portal))
  }

  /** The same where there is more to do than the backend does by itself when it runs. */
  toExecute(portal: string): Prepared | undefined {
    const prepared = this.ofPortal(portal)
    const { bound, step } = prepared ?? {}
    const isOurs = step?.kind !== 'accelerable' || (bound && (bound.isOver || bound.moves === this.#moves))
    this.moved()
    return isOurs ? prepared : undefined
  }

  forgetPortal(portal: string): void {
    this.#remove(this.#portals, portal)
  }

  forgetPortals(): void {
    for (const portal of [...this.#portals.keys()]) this.forgetPortal(portal)
  }

  #withValues(prepared: Prepared, values: readonly ParameterValue[] | undefined): Prepared {
    const bytes = (values ?? []).reduce((sum, { value }) => sum + PART_BYTES + (value?.length ?? 0), 0)
    if (values === undefined || bytes > MAX_BOUND_BYTES || this.#bytes + bytes > MAX_KEPT_BYTES) return prepared
    // They are parts of a message.
    const own = values.map(each => ({ ...each, value: each.value && Buffer.from(each.value) }))
    return { ...prepared, bytes, bound: { values: own, moves: this.#moves, isOver: false } }
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
