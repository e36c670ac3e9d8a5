import type { Line } from './measure.ts'

const PROCESSORS = 'server + proxy + storage'

/** For a terminal; `old` is what the older proxy is called, if there is one. */
export function table(lines: readonly Line[], old: string | undefined): string {
  const hasProcessors = lines.some(({ processors }) => processors)
  const columns = ['what', 'against', 'Blobgres', 'the other', 'ratio', ...(hasProcessors ? [PROCESSORS] : [])]
  const head = [...columns, ...(old === undefined ? [] : [old, 'new / old'])]
  const cells = lines.map(line => {
    const amount = (value: number | undefined): string =>
      value === undefined ? '–' : `${value.toFixed(2)} ${line.unit}`
    const { ours, theirs, ratio, byOld, processors } = line
    const all = [line.name, line.against, amount(ours), amount(theirs), ratio.toFixed(2)]
    if (hasProcessors) {
      const { server, proxy, storage } = processors ?? {}
      all.push([server, proxy, storage].map(each => each?.toFixed(2) ?? '–').join(' + '))
    }
    return old === undefined ? all : [...all, amount(line.old), byOld?.toFixed(2) ?? '–']
  })
  const rows = [head, ...cells]
  const widths = head.map((_, i) => Math.max(...rows.map(row => (row[i] as string).length)))
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
