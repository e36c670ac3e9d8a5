import { Writable } from 'node:stream'
import { pino } from 'pino'
import pretty from 'pino-pretty'
import { expect, it } from 'vitest'
import { inJson, inText } from '../../src/log.ts'

const HOSTILE = 'a\\u001b\n\x1b[2J\x9b2J\x7f\u2028b'

function logged(log: (stream: { write(text: string): void }) => Parameters<typeof inJson>[0]): string {
  const lines: string[] = []
  const logger = pino({}, log({ write: text => void lines.push(text) }))
  logger.info({ path: HOSTILE, err: new Error(HOSTILE) }, 'message')
  return lines.join('')
}

it('logs names in JSON that no terminal obeys, and that are what they were', () => {
  const line = logged(inJson)
  expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
  expect(JSON.parse(line)).toMatchObject({ path: HOSTILE, err: { message: HOSTILE } })
})

it('logs names as text that no terminal obeys', () => {
  const text = logged(({ write }) => {
    const destination = new Writable({
      decodeStrings: false,
      write: (chunk, _, done) => done(void write(String(chunk))),
    })
    return inText(pretty({ destination, sync: true, colorize: false }))
  })
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
  expect(text).toContain('a\\u001b')
  expect(text).toContain('\\u001b[2J\\u009b2J\\u007f\\u2028b')
})
