import { ALL_TYPES, TYPE, WRITTEN } from './type-bits.ts'
import { typesOf } from './value-types.ts'

/** A few values tell little of those behind a sample. */
const ENOUGH_VALUES = 100
/** Of a column, to tell whether the first line is one of them. */
const MAX_KEPT = 1000
/** No column is called by a longer one. */
const MAX_KEPT_CHARS = 1000

export interface Judgement {
  /** Only a part of the file was read. */
  readonly isSample: boolean
  /** Empty values are NULL: none of them was written in quotes, or COPY is told so. */
  readonly emptyIsNull: boolean
}

/** What is known of the values of a column. */
export class Column {
  #types = ALL_TYPES
  #written = 0
  #values = 0
  /** Empty, and not NULL. */
  empty = 0
  nulls = 0
  readonly #kept = new Set<string>()

  add(value: string | null): void {
    if (value === null) {
      this.nulls++
    } else if (value === '') {
      this.empty++
    } else {
      this.#values++
      if (this.#kept.size < MAX_KEPT && value.length <= MAX_KEPT_CHARS) this.#kept.add(value)
      // Once it is text, it stays so.
      if (this.#types === 0) return
      const types = typesOf(value)
      this.#types &= types
      this.#written |= types
    }
  }

  get hasValues(): boolean {
    return this.#values > 0
  }

  has(value: string): boolean {
    return this.#kept.has(value)
  }

  /** The narrowest type that takes all values; of a sample, one that others are likely to fit too. */
  type({ isSample, emptyIsNull }: Judgement): string {
    if (this.#values === 0 || (this.empty > 0 && !emptyIsNull)) return 'text'
    if (isSample && this.#values < ENOUGH_VALUES) return 'text'
    const takes = (type: number): boolean => (this.#types & type) !== 0
    const are = (written: number): boolean => (this.#written & written) !== 0
    // Letters alone may be codes of anything.
    if (takes(TYPE.boolean)) return are(WRITTEN.word) || (are(WRITTEN.true) && are(WRITTEN.false)) ? 'boolean' : 'text'
    if (takes(TYPE.integer) && !isSample) return 'integer'
    if (takes(TYPE.bigint)) return 'bigint'
    if (takes(TYPE.numeric | TYPE.double)) {
      if (!are(WRITTEN.digits)) return 'text'
      return (takes(TYPE.double) && are(WRITTEN.exponent)) || !takes(TYPE.numeric) ? 'double precision' : 'numeric'
    }
    return OTHERS.find(([type]) => takes(type))?.[1] ?? 'text'
  }
}

/** From the narrowest. */
const OTHERS: readonly (readonly [number, string])[] = [
  [TYPE.uuid, 'uuid'],
  [TYPE.date, 'date'],
  [TYPE.timestamp, 'timestamp'],
  [TYPE.timestamptz, 'timestamptz'],
  [TYPE.time, 'time'],
  [TYPE.jsonb, 'jsonb'],
  [TYPE.json, 'json'],
]
