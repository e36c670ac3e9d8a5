import { pino } from 'pino'
import type { Logger } from '../../src/log.ts'

type Entry = Readonly<Record<string, unknown>> & { readonly msg: string }

export interface RecordedLog {
  readonly logger: Logger
  /** Those with that message since the last time. */
  take(message: string): Entry[]
}

/** What a proxy logs, from debug on. */
export function recordedLog(): RecordedLog {
  const entries: Entry[] = []
  const logger = pino({ level: 'debug' }, { write: line => entries.push(JSON.parse(line)) })
  return {
    logger,
    take: message => entries.splice(0).filter(({ msg }) => msg === message),
  }
}
