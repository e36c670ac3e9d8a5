import type { Random } from './random.ts'

const NAMES = ['a', 'b c', 'j', 'é', 'ts', 'A', 'other', '', '\\u0061', 'b\\u0020c']
const PARTS = [
  'x',
  ' ',
  '\\n',
  '\\\\',
  '\\"',
  '\\/',
  '\\u00e9',
  '\\ud83d\\ude00',
  'é',
  '日',
  "'",
  '{',
  ',',
  '\\t',
  '\\b',
  'N',
]

const text = (random: Random): string => `"${random.times(6, () => random.pick(PARTS)).join('')}"`
const space = (random: Random): string => (random.chance(0.1) ? random.pick([' ', '\t', '  ', '\r']) : '')
const number = (random: Random): string =>
  random.pick(['0', '-0', '1.50', '12345678901234567890.1234567890', '1e5', '-1E-05', '7'])

function value(random: Random, depth: number): string {
  const list = (make: () => string): string => random.times(3, () => space(random) + make() + space(random)).join(',')
  switch (random.below(depth > 3 ? 4 : 6)) {
    case 0:
      return number(random)
    case 1:
      return random.pick(['true', 'false', 'null'])
    case 4:
      return `[${list(() => value(random, depth + 1))}]`
    case 5:
      return `{${list(() => `${text(random)}:${space(random)}${value(random, depth + 1)}`)}}`
    default:
      return text(random)
  }
}

/** An object whose member `ts`, if it has one, can be an array of texts. */
export function jsonLine(random: Random): string {
  const members = random.times(5, () => {
    const name = random.pick(NAMES)
    const written = name === 'ts' ? `[${random.times(3, () => text(random)).join(', ')}]` : value(random, 0)
    return `${space(random)}"${name}"${space(random)}:${space(random)}${written}`
  })
  return `${space(random)}{${members.join(',')}}${space(random)}`
}
