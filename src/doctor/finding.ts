import { oneLine } from '../one-line.ts'
import { PgError } from '../protocol/pg-error.ts'

/** What mends something, ready to be pasted: into a shell, or into psql as an administrator. */
export interface Fix {
  readonly into: 'shell' | 'psql'
  /** Where in psql it has to be done. */
  readonly database?: string
  readonly command: string
}

export interface Outcome {
  /** `untried`: something else has to be right first, or only the service knows. */
  readonly result: 'ok' | 'failed' | 'untried'
  /** One line; the server's or service's own words where there are any. No secret. */
  readonly reason: string
  readonly fix?: Fix
  /** What to do where no command is right for everybody. */
  readonly advice?: string
}

export interface Finding extends Outcome {
  readonly check: string
}

export const ok = (reason: string): Outcome => ({ result: 'ok', reason })
export const failed = (reason: string, help: Pick<Outcome, 'fix' | 'advice'> = {}): Outcome => ({
  result: 'failed',
  reason,
  ...help,
})
export const untried = (reason: string): Outcome => ({ result: 'untried', reason })

export const shell = (command: string): { readonly fix: Fix } => ({ fix: { into: 'shell', command } })
export const psql = (command: string, database?: string): { readonly fix: Fix } => ({
  fix: { into: 'psql', ...(database !== undefined && { database }), command },
})

const TIME_LIMIT_MS = 10_000

/** Looks at one thing, for no longer than the limit; `work` is told when that is over. What it throws is what is wrong. */
export async function look(
  check: string,
  work: (signal: AbortSignal) => Promise<Outcome>,
  limitMs = TIME_LIMIT_MS,
): Promise<Finding> {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<Outcome>(resolve => {
    timer = setTimeout(() => {
      resolve(failed(`no answer for ${limitMs / 1000} seconds`))
      over.abort()
    }, limitMs)
  })
  try {
    const outcome = await Promise.race([work(over.signal).catch(error => failed(wordsOf(error))), expired])
    const { reason, fix } = outcome
    return {
      check,
      ...outcome,
      reason: oneLine(reason),
      ...(fix && { fix: { ...fix, command: oneLine(fix.command) } }),
    }
  } finally {
    clearTimeout(timer)
  }
}

/** What an error says; a connection refused at several addresses has no message but its parts'. */
export function wordsOf(error: unknown): string {
  const { message, detail, code, errors } = error as Partial<PgError> & { readonly errors?: readonly Error[] }
  const words = message || errors?.map(each => each.message).join(', ') || code || String(error)
  return error instanceof PgError && detail ? `${words}: ${detail}` : words
}
