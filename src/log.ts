import { createRequire } from 'node:module'
import { isatty } from 'node:tty'
import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STDERR = 2

/** Logs to standard error: JSON lines, or text for the eye where that is a terminal. */
export function createLogger(level: LogLevel): Logger {
  // Synchronous, so that nothing is lost when the process ends; a proxy logs little.
  const stream = isatty(STDERR) ? prettyStream() : pino.destination({ dest: STDERR, sync: true })
  return pino({ level }, stream)
}

/** Loaded only for a terminal: most proxies have none. */
function prettyStream(): DestinationStream {
  const require = createRequire(import.meta.url)
  const pretty: typeof import('pino-pretty') = require('pino-pretty')
  return pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname' })
}
