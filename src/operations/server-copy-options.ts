import { isTrue, type OptionValue } from '../sql/copy-option.ts'
import type { CopyPlan } from '../sql/copy-plan.ts'

/** COPY's names for what blob_put() calls otherwise; the others have the same. */
const NAMES: Readonly<Record<string, string>> = { null: 'null_string', encoding: 'content_encoding' }

/** The options of a COPY TO, which PostgreSQL has accepted, as blob_put() takes them. */
export function rowOptionsOf(
  { given, format }: CopyPlan,
  columns: readonly string[],
  clientEncoding: string,
): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  if (format === 'csv' || format === 'tsv' || format === 'text') options.content_encoding = clientEncoding
  for (const [name, value] of Object.entries(given)) {
    if (name === 'freeze' || name === 'log_verbosity') continue // of reading
    options[NAMES[name] ?? name] = readOption(name, value, columns)
  }
  return options
}

function readOption(name: string, value: OptionValue, columns: readonly string[]): unknown {
  if (name === 'header') return isTrue(value)
  if (name !== 'force_quote') return String(value)
  return Array.isArray(value) ? value : columns
}
