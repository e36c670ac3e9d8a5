/*
 * A thread of its own that reads query texts: what a hostile one takes of time and memory ends with it.
 */
import { parentPort } from 'node:worker_threads'
import { classify } from './classify.ts'
import type { SqlSettings } from './query-text.ts'
import { parserHealth } from './query-text.ts'
import { packStatements, type ReaderAnswer } from './statement-message.ts'

export interface ReaderRequest {
  readonly text: string
  readonly settings: SqlSettings
}

const answer = (message: ReaderAnswer): void => parentPort?.postMessage(message)

parentPort?.on('message', ({ text, settings }: ReaderRequest) => {
  const statements = packStatements(classify(text, settings))
  answer({ kind: 'read', statements, isLast: parserHealth.isShaken })
})
answer({ kind: 'ready' })
