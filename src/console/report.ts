import { widthOf } from './text-width.ts'

/** What ErrorResponse and NoticeResponse say. */
type Fields = {
  readonly [K in
    | 'message'
    | 'severity'
    | 'detail'
    | 'hint'
    | 'where'
    | 'position'
    | 'internalPosition'
    | 'internalQuery']?: string | undefined
}

/** An error or a notice of the server as psql tells it; where in `sql` it is, where the server says so. */
export function report(fields: Fields, sql: string): string {
  const { severity = 'ERROR', message, detail, hint, where, position, internalPosition, internalQuery } = fields
  const place =
    position !== undefined
      ? pointedAt(sql, Number(position))
      : internalQuery !== undefined && internalPosition !== undefined
        ? pointedAt(internalQuery, Number(internalPosition))
        : []
  const isError = /^(ERROR|FATAL|PANIC)$/.test(severity)
  const lines = [
    `${severity}:  ${message}`,
    ...place,
    ...(detail ? [`DETAIL:  ${detail}`] : []),
    ...(hint ? [`HINT:  ${hint}`] : []),
    ...(internalQuery ? [`QUERY:  ${internalQuery}`] : []),
    ...(where && isError ? [`CONTEXT:  ${where}`] : []),
  ]
  return lines.map(line => `${line}\n`).join('')
}

/** The line of a text that a position, in characters from 1 on, is in, and a caret below it. */
function pointedAt(text: string, position: number): string[] {
  const before = [...text].slice(0, position - 1).join('')
  const start = before.lastIndexOf('\n') + 1
  const end = text.indexOf('\n', start)
  const line = text.slice(start, end < 0 ? undefined : end)
  const label = `LINE ${before.split('\n').length}: `
  const column = widthOf(before.slice(start))
  return [label + line, `${' '.repeat(label.length + column)}^`].map(each => each.replaceAll('\t', ' '))
}
