import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { SHOWN, type Shown } from './shown.ts'

/** What a text asks for; undefined: nothing. */
export type Command =
  | { readonly kind: 'show'; readonly what: string; readonly shown: Shown }
  | { readonly kind: 'done'; readonly tag: string }

/** No command is longer, but for what drivers set. */
const MAX_LENGTH = 1000

/** What drivers say of themselves, and around all that they run: there is nothing to be done. */
const ASIDES = [
  'START TRANSACTION',
  'DISCARD ALL',
  ...['BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SET', 'RESET', 'DEALLOCATE'],
]

/** @throws PgError for what is no command */
export function readCommand(text: string): Command | undefined {
  const words = text.length > MAX_LENGTH ? [] : text.replaceAll(';', ' ').split(/\s/).filter(Boolean)
  if (text.length <= MAX_LENGTH && words.length === 0) return undefined
  const [verb, what = ''] = words.map(word => word.toLowerCase())
  const shown = words.length === 2 && verb === 'show' ? SHOWN.get(what) : undefined
  if (shown) return { kind: 'show', what, shown }
  const upper = words.join(' ').toUpperCase()
  const tag = ASIDES.find(aside => upper === aside || upper.startsWith(`${aside} `))
  if (tag) return { kind: 'done', tag: tag === 'END' ? 'COMMIT' : tag }
  throw new PgError({
    message: 'blobgres: this is the admin database, which takes no such command',
    code: SQLSTATE.syntaxError,
    hint: 'Use SHOW HELP.',
  })
}
