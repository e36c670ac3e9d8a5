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
    const tracker = new FrameTracker({
      message: (code, body) => told.push(`${String.fromCharCode(code)} ${body?.toString()}`),
      edit: ({ bytes }) => bytes,
    })
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
  const tracker = new FrameTracker({ message: () => {}, edit: ({ bytes }) => bytes })
  const bytes = message(BACKEND.noticeResponse, Buffer.from('xyz'))
  for (const byte of bytes.subarray(0, -1)) {
    tracker.push(Buffer.of(byte))
    expect(tracker.atBoundary).toBe(false)
  }
  tracker.push(bytes.subarray(-1))
  expect(tracker.atBoundary).toBe(true)
})

it('passes all on as it comes, but errors and notices as they are edited, whatever the chunks', () => {
  const [row, ready] = [message(BACKEND.dataRow, Buffer.from('row')), message(BACKEND.readyForQuery, Buffer.from('I'))]
  const report = (text: string) => message(BACKEND.errorResponse, Buffer.from(text))
  const notice = message(BACKEND.noticeResponse, Buffer.from('n'))
  const bytes = Buffer.concat([row, report('E 1'), notice, row, row, report('E 2'), ready])
  const edited = Buffer.concat([row, report('edited'), notice, row, row, report('edited'), ready])
  for (const chunks of everySplit(bytes)) {
    const tracker = new FrameTracker({
      message: () => {},
      edit: ({ code, bytes }) => (code === BACKEND.errorResponse ? report('edited') : bytes),
    })
    const passed = chunks.map(chunk => {
      const view = Buffer.from(chunk)
      const passes = Buffer.from(tracker.push(view))
      view.fill(0) // the buffer is read into again
      return passes
    })
    expect(Buffer.concat(passed)).toEqual(edited)
  }
})

it('holds no message that is made long on purpose', () => {
  const edit = () => Buffer.from('never')
  const tracker = new FrameTracker({ message: () => {}, edit })
  const bytes = message(BACKEND.noticeResponse, Buffer.alloc(300 * 1024))
  const [first, second] = [bytes.subarray(0, 3), bytes.subarray(3)]
  expect(tracker.push(first)).toHaveLength(0)
  expect(tracker.push(second).equals(bytes)).toBe(true)
})
