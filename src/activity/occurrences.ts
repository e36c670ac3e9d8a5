import { EventEmitter } from 'node:events'
import type { StorageAnswer } from '../storage/answers.ts'

/** What happens in a proxy, for whoever counts it. */
export type Occurrences = EventEmitter<{
  /** A client was told of an error, the server's or the proxy's. */
  clientTold: [sqlstate: string]
  storageAnswered: [answer: StorageAnswer]
}>

export const createOccurrences = (): Occurrences => new EventEmitter()
