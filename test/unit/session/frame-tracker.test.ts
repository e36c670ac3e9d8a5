import { expect, it } from 'vitest'
import { BACKEND } from '../../../src/protocol/codes.ts'
import { FrameTracker } from '../../../src/session/frame-tracker.ts'
import { everySplit } from '../../support/stream-bytes.ts'
import { message } from '../../support/wire.ts'

it('tells of each message, and of the bodies it has a use for, whatever the chunks', () => {
  const bytes = Buffer.concat([
    message(BACKEND.dataRow, Buffer.from('Z 12 S')),
    message(BACKEND.parseComplete),
    message(BACKEND.parameterStatus, Buffer.from('a\0b\0')),
    message(BACKEND.commandComplete, Buffer.from('SELECT 1\0')),
    message(BACKEND.readyForQuery, Buffer.from('T')),
  ])
  for (const chunks of everySplit(bytes)) {
    const told: string[] = []
    const tracker = new FrameTracker((code, body) => told.push(`${String.fromCharCode(code)} ${body?.toString()}`))
    for (const chunk of chunks) {
      const view = Buffer.from(chunk)
      tracker.push(view)
      view.fill(0) // the buffer is read into again
    }
    expect(told).toEqual(['D undefined', '1 undefined', 'S a\0b\0', 'C undefined', 'Z T'])
    expect(tracker.atBoundary).toBe(true)
  }
})

it('knows whether a message is under way', () => {
  const tracker = new FrameTracker(() => {})
  const bytes = message(BACKEND.noticeResponse, Buffer.from('xyz'))
  for (const byte of bytes.subarray(0, -1)) {
    tracker.push(Buffer.of(byte))
    expect(tracker.atBoundary).toBe(false)
  }
  tracker.push(bytes.subarray(-1))
  expect(tracker.atBoundary).toBe(true)
})
