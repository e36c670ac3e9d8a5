import { csvFields } from '../formats/csv-header.ts'
import type { Encoding } from './encoding.ts'

/** How the rows of a file are written, in COPY's terms. */
export interface Dialect {
  readonly format: 'csv' | 'tsv'
  readonly delimiter: string
  readonly quote: string
  /** Stands before a quote that is a value's. */
  readonly escapedBy: string
  /** Each line is the value of the only column, whatever is in it. */
  readonly isLines?: true
}

const DELIMITERS = [',', ';', '\t', '|']
const QUOTE = '"'
const LF = 0x0a
const CR = 0x0d
const BACKSLASH = 0x5c
/** What a backslash stands before in PostgreSQL's text format. */
const ESCAPE = /\\[^bfnrtvN\\\n.]/
const QUOTED_FIELD = /(?:^|[\t\n])"/
/** A quote that another one stands for, and one that a backslash does. */
const DOUBLED = /[^\\,;|\t\r\n"]""/
const BACKSLASHED = /\\"/
const CONTROLS = [1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 18].map(code => String.fromCharCode(code))

/** Those to be tried, as it were in this order; several with more than one column are compared. */
export interface Dialects {
  readonly usual: readonly Dialect[]
  readonly unusual: readonly Dialect[]
  readonly lines: readonly Dialect[]
}

/** @param head the beginning of the file, by which it may be written */
export function dialectsFor(head: Buffer): Dialects {
  const text = head.toString('latin1')
  const csv = (delimiter: string, quote = QUOTE, escapedBy = quote): Dialect => {
    return { format: 'csv', delimiter, quote, escapedBy }
  }
  const tsv: Dialect = { format: 'tsv', delimiter: '\t', quote: QUOTE, escapedBy: QUOTE }
  const isTsv = !QUOTED_FIELD.test(text) && !ESCAPE.test(text)
  const [usualEscape, otherEscape] = BACKSLASHED.test(text) && !DOUBLED.test(text) ? ['\\', QUOTE] : [QUOTE, '\\']
  const unused = CONTROLS.filter(each => !text.includes(each))
  const none = unused[0] ?? '\x01'
  return {
    usual: DELIMITERS.map(each => (each === '\t' && isTsv ? tsv : csv(each, QUOTE, usualEscape))),
    unusual: [
      isTsv ? csv('\t') : tsv,
      ...DELIMITERS.map(each => csv(each, QUOTE, otherEscape)),
      ...DELIMITERS.map(each => csv(each, none)),
    ],
    // A byte that comes only behind the head would part a line.
    lines: [0, 2, 4].flatMap(i => {
      const [quote, delimiter] = unused.slice(i)
      return quote === undefined || delimiter === undefined
        ? []
        : [{ ...csv(delimiter, quote), isLines: true as const }]
    }),
  }
}

/** How many fields the first record has. */
export function countFields(bytes: Buffer, { format, delimiter, quote, escapedBy }: Dialect): number {
  const [d, q, e] = [delimiter, quote, escapedBy].map(each => each.charCodeAt(0)) as [number, number, number]
  if (format === 'csv') return csvFields(bytes, { delimiter: d, quote: q, escape: e }).length
  let fields = 1
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === BACKSLASH) i++
    else if (byte === d) fields++
    else if (byte === LF || byte === CR) break
  }
  return fields
}

/** COPY's rules for rows in a dialect, as blob_get has them. */
export const rowOptions = ({ format, delimiter, quote, escapedBy }: Dialect): object => ({
  delimiter,
  ...(format === 'csv' && { quote, escape: escapedBy }),
})

export interface Writing {
  readonly dialect: Dialect
  readonly encoding: Encoding
}
