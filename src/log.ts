import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STDERR = 2

/** Logs to standard error: JSON lines, or text for the eye where that is a terminal. */
export function createLogger(level: LogLevel): Logger {
  // Synchronous, so that nothing is lost when the process ends; a proxy logs little.
  const stream = isatty(STDERR)
    ? pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname' })
    : pino.destination({ dest: STDERR, sync: true })
  return pino({ level }, stream)
}
