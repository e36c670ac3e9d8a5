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
  return pino(
    { level },
    isatty(STDERR) ? inText(prettyStream()) : inJson(pino.destination({ dest: STDERR, sync: true })),
  )
}

/** JSON escapes the controls of ASCII; terminals that show a log obey those of Unicode as well. */
export const inJson = (stream: DestinationStream): DestinationStream => ({
  write: line => stream.write(line.replace(/[\x7f-\x9f\u2028\u2029]/g, escaped)),
})

/** What is read as text stays an escape: an error's message may have the name of somebody's blob in it. But for lines' ends. */
export const inText = (stream: DestinationStream): DestinationStream => ({
  write: line =>
    stream.write(
      line.replace(/\\\\|\\u00[01][0-9a-f]|[\x7f-\x9f\u2028\u2029]/g, each => {
        if (each === '\\\\') return each
        return `\\${each.length === 1 ? escaped(each) : each}`
      }),
    ),
})

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Loaded only for a terminal: most proxies have none. */
function prettyStream(): DestinationStream {
  const require = createRequire(import.meta.url)
  const pretty: typeof import('pino-pretty') = require('pino-pretty')
  return pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname' })
}
