import { widthOf } from './text-width.ts'

/** A column of a result, and of each of its values the text, or null. */
export interface Result {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (string | null)[])[]
}

export interface Column {
  readonly name: string
  readonly isNumber: boolean
}

/** A value's lines, as they are shown, and the width of the widest. */
interface Cell {
  readonly lines: readonly string[]
  readonly width: number
}

type Alignment = 'left' | 'right' | 'centre'

/** As psql shows it by default, with the number of rows. */
export function alignedTable({ columns, rows }: Result): string {
  const heads = columns.map(({ name }) => toCell(name))
  const body = rows.map(row => row.map(value => toCell(value ?? '')))
  const widths = heads.map((head, i) => body.reduce((widest, row) => Math.max(widest, row[i]?.width ?? 0), head.width))
  const alignments = columns.map(({ isNumber }): Alignment => (isNumber ? 'right' : 'left'))
  const centred = columns.map((): Alignment => 'centre')
  const lines = [
    ...rowLines(heads, widths, centred),
    columns.length === 0 ? '--' : widths.map(width => '-'.repeat(width + 2)).join('+'),
    ...body.flatMap(row => rowLines(row, widths, alignments)),
    `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`,
    '',
  ]
  return lines.map(line => `${line}\n`).join('')
}

/** A row has as many lines as its highest cell; `+` is where a value goes on. */
function rowLines(cells: readonly Cell[], widths: readonly number[], alignments: readonly Alignment[]): string[] {
  const height = cells.reduce((most, { lines }) => Math.max(most, lines.length), 0)
  return Array.from({ length: height }, (_, n) => {
    const texts = cells.map(({ lines }, i) => {
      const text = lines[n] ?? ''
      const goesOn = n + 1 < lines.length
      const alignment = alignments[i]
      const isLast = i + 1 === cells.length && alignment !== 'centre' && !goesOn
      const room = (widths[i] as number) - widthOf(text)
      const before = alignment === 'left' ? 0 : alignment === 'right' ? room : room >> 1
      const after = isLast ? 0 : room - before
      return ` ${' '.repeat(before)}${text}${' '.repeat(after)}${goesOn ? '+' : isLast ? '' : ' '}`
    })
    return texts.join('|')
  })
}

function toCell(text: string): Cell {
  const lines = text.split('\n').map(shown)
  return { lines, width: lines.reduce((widest, line) => Math.max(widest, widthOf(line)), 0) }
}

const TAB_STOP = 8

/** What a terminal would act on is shown as what it is. */
function shown(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const escaped = line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, character => {
    if (character === '\r') return '\\r'
    const code = character.charCodeAt(0).toString(16).toUpperCase()
    return code.length < 3 && character < '\x80' ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`
  })
  const [first = '', ...others] = escaped.split('\t')
  let [text, width] = [first, widthOf(first)]
  for (const part of others) {
    const room = TAB_STOP - (width % TAB_STOP)
    text += ' '.repeat(room) + part
    width += room + widthOf(part)
  }
  return text
}
