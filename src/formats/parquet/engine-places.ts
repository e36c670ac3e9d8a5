import { availableParallelism } from 'node:os'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/** Files that one statement may work on at a time: what it reads by a trigger, say, while it reads another one. */
const MAX_OF_BACKEND = 4

interface Waiting {
  readonly backend: number | undefined
  grant(): void
}

/** How many engines there may be: each takes a process, a core and much memory. The machine's, hence one for all proxies in it. */
let limit = availableParallelism()
/** The backends that the engines work for; undefined: for nobody's. */
const taken: (number | undefined)[] = []
let waiting: Waiting[] = []

export function limitEngines(places: number): void {
  limit = places
  serve()
}

/** Whether an engine works for a backend: what it is to do next may have to wait for that one, which waits for it. */
export const hasPlace = (backend: number | undefined): boolean => backend !== undefined && taken.includes(backend)

/**
 * Waits for a place, in the order of those who ask; the caller calls what is returned when its engine is released.
 * A backend that has one would wait for itself: so it gets another at once, up to a few.
 * @throws PgError when it has too many; rejects with the signal's reason
 */
export async function takePlace(backend: number | undefined, signal: AbortSignal): Promise<() => void> {
  signal.throwIfAborted()
  if (hasPlace(backend)) {
    if (taken.filter(each => each === backend).length >= MAX_OF_BACKEND) throw tooManyAtOnce()
    return occupy(backend)
  }
  if (taken.length < limit && waiting.length === 0) return occupy(backend)
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      waiting = waiting.filter(each => each !== place)
      reject(signal.reason)
    }
    const grant = (): void => {
      signal.removeEventListener('abort', leave)
      resolve(occupy(backend))
    }
    const place: Waiting = { backend, grant }
    waiting.push(place)
    signal.addEventListener('abort', leave, { once: true })
  })
}

function occupy(backend: number | undefined): () => void {
  taken.push(backend)
  let left = false
  return () => {
    if (left) return
    left = true
    taken.splice(taken.indexOf(backend), 1)
    serve()
  }
}

function serve(): void {
  while (taken.length < limit) {
    const next = waiting.shift()
    if (next === undefined) return
    next.grant()
  }
}

function tooManyAtOnce(): PgError {
  return new PgError({
    message: 'azure_storage: a statement works on too many Parquet files at a time',
    code: SQLSTATE.programLimitExceeded,
    detail: `At most ${MAX_OF_BACKEND} can be open within each other.`,
  })
}
