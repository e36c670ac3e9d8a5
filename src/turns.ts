import { setImmediate as nextTurn } from 'node:timers/promises'

const TURN_MS = 5

/** To be awaited between pieces of long work: gives others their turn when it is time. Rejects with the signal's reason. */
export function turns(signal: AbortSignal): () => Promise<void> | undefined {
  let since = performance.now()
  return () => {
    if (performance.now() - since <= TURN_MS) return undefined
    return nextTurn().then(() => {
      signal.throwIfAborted()
      since = performance.now()
    })
  }
}
