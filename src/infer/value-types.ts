import { jsonTypes } from './json-types.ts'
import { TYPE, WRITTEN } from './type-bits.ts'

const ANY_NUMBER = TYPE.numeric | TYPE.double
const ANY_INTEGER = TYPE.integer | TYPE.bigint | ANY_NUMBER

/** Far more digits than anybody writes, and fewer than PostgreSQL takes. */
const MAX_NUMBER_CHARS = 400
const MAX_EXPONENT = 1000
/** Those of the longest date with a time, and some spaces. */
const MAX_TIME_CHARS = 50
const INTEGER = /^-?(?:0|[1-9]\d*)$/
/** No zero but one before the point: codes have them. */
const DECIMAL = /^-?(?:0|[1-9]\d*)?(?:\.\d*)?$/
const SCIENTIFIC = /^(-?(?:0|[1-9]\d*)?(?:\.\d*)?)[eE]([+-]?\d{1,4})$/
const NO_NUMBER = /^(?:nan|-?inf(?:inity)?)$/i
const WORD = /^(?:true|false)$/i
const LETTER = /^[tf]$/i
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Year, month, day, whatever the DateStyle; time, zone. */
const ISO =
  /^(\d{4})([-/])(\d\d?)\2(\d\d?)(?:([ T])(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)( ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?$/
const WITH_T = /^\d{4}-\d\d-\d\dT/
const TIME_OF_DAY = /^\d\d:\d\d:\d\d(?:\.\d{1,6})?$/
const MONTHS = 'january february march april may june july august september october november december'.split(' ')
const NAMED_FIRST = /^([a-z]{3,9}) (\d\d?),? (\d{4})$/i
const NAMED_SECOND = /^(\d\d?)[ -]([a-z]{3,9})[ -](\d{4})$/i

/** The types that take a value, as PostgreSQL's input functions do under any setting, and how it is written. */
export function typesOf(value: string): number {
  const text = value.charCodeAt(0) === 0x20 || value.endsWith(' ') ? withoutSpaces(value) : value
  const first = text.charCodeAt(0)
  if (first === 0x7b || first === 0x5b) return jsonTypes(text)
  const isNumeric = (first >= 0x30 && first <= 0x39) || first === 0x2d || first === 0x2e
  if (isNumeric) {
    const types = numberTypes(text)
    if (types !== 0) return types
  }
  if (text.length === UUID_CHARS && text === value && UUID.test(text)) return TYPE.uuid
  if (text.length > MAX_TIME_CHARS) return 0
  if (NO_NUMBER.test(text)) return ANY_NUMBER | WRITTEN.exponent
  if (WORD.test(text)) return TYPE.boolean | WRITTEN.word
  if (LETTER.test(text)) return TYPE.boolean | (text.toLowerCase() === 't' ? WRITTEN.true : WRITTEN.false)
  return timeTypes(text)
}

const UUID_CHARS = 36

/** Around numbers and the like PostgreSQL takes them. Not trim(), which takes away more. */
function withoutSpaces(text: string): string {
  let [start, end] = [0, text.length]
  while (text.charCodeAt(start) === 0x20) start++
  while (end > start && text.charCodeAt(end - 1) === 0x20) end--
  return text.slice(start, end)
}

function numberTypes(text: string): number {
  if (text.length > MAX_NUMBER_CHARS) return 0
  if (INTEGER.test(text)) return integerTypes(text)
  if (DECIMAL.test(text)) return /\d/.test(text) ? (isDouble(text) ? ANY_NUMBER : TYPE.numeric) | WRITTEN.digits : 0
  const [, digits = '', exponent] = SCIENTIFIC.exec(text) ?? []
  if (exponent === undefined || !/\d/.test(digits)) return 0
  const exact = Math.abs(Number(exponent)) <= MAX_EXPONENT ? TYPE.numeric : 0
  return exact | (isDouble(text) ? TYPE.double : 0) | WRITTEN.exponent | WRITTEN.digits
}

function integerTypes(text: string): number {
  const number = Number(text)
  if (number >= -(2 ** 31) && number < 2 ** 31) return ANY_INTEGER | WRITTEN.digits
  const isBig = BigInt.asIntN(64, BigInt(text)) === BigInt(text)
  return (isBig ? TYPE.bigint : 0) | TYPE.numeric | (isDouble(text) ? TYPE.double : 0) | WRITTEN.digits
}

/** Neither too large nor too small. */
function isDouble(text: string): boolean {
  const number = Number(text)
  return Number.isFinite(number) && (number !== 0 || !/[1-9]/.test(text.split(/e/i)[0] as string))
}

function timeTypes(text: string): number {
  if (TIME_OF_DAY.test(text)) return isTime(text) ? TYPE.time : 0
  const [, year, , month, day, separator, time, zone] = ISO.exec(text) ?? []
  if (year !== undefined) {
    if (!isDate(Number(year), Number(month), Number(day))) return 0
    if (time === undefined) return TYPE.date | TYPE.timestamp
    if (!isTime(time) || (separator === 'T' && !WITH_T.test(text))) return 0
    if (zone === undefined) return TYPE.timestamp
    return isZone(zone) ? TYPE.timestamptz : 0
  }
  const [, name = '', dayAfter = '', yearAfter] = NAMED_FIRST.exec(text) ?? []
  if (yearAfter !== undefined) return namedDate(name, dayAfter, yearAfter)
  const [, dayBefore = '', between = '', yearBehind] = NAMED_SECOND.exec(text) ?? []
  return yearBehind === undefined ? 0 : namedDate(between, dayBefore, yearBehind)
}

function namedDate(name: string, day: string, year: string): number {
  const lower = name.toLowerCase()
  const month = MONTHS.findIndex(each => each === lower || each.slice(0, 3) === lower)
  return month >= 0 && isDate(Number(year), month + 1, Number(day)) ? TYPE.date | TYPE.timestamp : 0
}

function isDate(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}

/** Two digits each, the seconds if there are any. */
const isTime = (text: string): boolean =>
  Number(text.slice(0, 2)) < 24 && Number(text.slice(3, 5)) < 60 && Number(text.slice(6, 8)) < 60

const isZone = (text: string): boolean => {
  const [, hours, minutes = '0'] = /([+-]\d\d):?(\d\d)?/.exec(text) ?? []
  return hours === undefined || (Math.abs(Number(hours)) < 15 && Number(minutes) < 60)
}
