import type { Column } from './column.ts'
import type { Row } from './rows.ts'
import { ALL_TYPES } from './type-bits.ts'
import { typesOf } from './value-types.ts'

/** What programs call their columns, and people seldom write. */
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/i

/**
 * Whether the first line names the columns, by what follows it. In doubt it does not: then no row is lost.
 */
export function isHeader(first: Row, columns: readonly Column[]): boolean {
  const names = first.map(each => (each ?? '').replace(/^\ufeff/, '').trim())
  const given = names.filter(each => each !== '')
  if (given.length * 2 < names.length || given.length === 0) return false
  const typed = { isSample: false, emptyIsNull: true }
  // A number or a date is no name, but below it there may be names as well.
  if (given.some(each => (typesOf(each) & ALL_TYPES) !== 0 && !/^[a-z]/i.test(each))) return false
  if (columns.some((column, i) => names[i] !== '' && column.type(typed) !== 'text' && isNoValue(names[i] as string))) {
    return true
  }
  const areNames = given.length === names.length && given.every(each => IDENTIFIER.test(each))
  const repeats = columns.some((column, i) => column.has(names[i] as string))
  if (!areNames || repeats || new Set(given).size < given.length) return false
  // Lower case, an underscore or more than one hump.
  return given.every(each => each === each.toLowerCase()) || given.some(each => /_|[a-z][A-Z]/.test(each))
}

const isNoValue = (name: string): boolean => (typesOf(name) & ALL_TYPES) === 0
