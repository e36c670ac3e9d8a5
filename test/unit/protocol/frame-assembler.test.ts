import { expect, it } from 'vitest'
import { BACKEND } from '../../../src/protocol/codes.ts'
import { FrameAssembler, frameBody } from '../../../src/protocol/frame-assembler.ts'
import { everySplit } from '../../support/stream-bytes.ts'
import { message } from '../../support/wire.ts'

const STREAM = Buffer.concat([
  message(BACKEND.copyOutResponse, Buffer.from('abc')),
  message(BACKEND.copyData, Buffer.from('one\n')),
  message(BACKEND.copyData),
  message(BACKEND.copyData, Buffer.from('t')),
  message(BACKEND.noticeResponse, Buffer.from('between')),
  message(BACKEND.copyData, Buffer.from('wo\n')),
  message(BACKEND.copyDone),
  message(BACKEND.commandComplete, Buffer.from('COPY 2\0')),
])

it('puts messages together, whatever the chunks', () => {
  for (const chunks of everySplit(STREAM)) {
    const frames: string[] = []
    const assembler = new FrameAssembler(frame => frames.push(String.fromCharCode(frame.code) + frameBody(frame)))
    for (const chunk of chunks) assembler.push(Buffer.from(chunk))
    expect(frames).toEqual(['Habc', 'done\n', 'd', 'dt', 'Nbetween', 'dwo\n', 'c', 'CCOPY 2\0'])
    expect(assembler.takePartial()).toHaveLength(0)
  }
})

it('a sink gets the payloads of CopyData, and nothing of a chunk is kept', () => {
  for (const chunks of everySplit(STREAM)) {
    const frames: string[] = []
    let payload = ''
    const held: Buffer[] = []
    const assembler = new FrameAssembler(frame => {
      held.push(frame.bytes)
      frames.push(String.fromCharCode(frame.code))
    })
    assembler.copyDataSink = bytes => {
      payload += bytes
    }
    for (const chunk of chunks) {
      const view = Buffer.from(chunk)
      assembler.push(view)
      view.fill(0)
    }
    expect(payload).toBe('one\ntwo\n')
    expect(frames.join('')).toBe('HNcC')
    expect(held.at(-1)?.subarray(5).toString()).toBe('COPY 2\0')
  }
})

it('gives back what has not come whole', () => {
  for (const kept of [1, 4, 5, 7]) {
    const assembler = new FrameAssembler(() => {})
    const bytes = message(BACKEND.noticeResponse, Buffer.from('abc'))
    for (const byte of bytes.subarray(0, kept)) assembler.push(Buffer.of(byte))
    expect(assembler.takePartial()).toEqual(bytes.subarray(0, kept))
    expect(assembler.takePartial()).toHaveLength(0)
  }
})

it('passes over a message that is not wanted', () => {
  for (const chunks of everySplit(STREAM)) {
    const frames: string[] = []
    let dropped = 0
    const assembler = new FrameAssembler(frame => frames.push(String.fromCharCode(frame.code) + frameBody(frame)))
    for (const chunk of chunks) {
      assembler.push(Buffer.from(chunk))
      // Two of them have that length.
      if (assembler.announcedLength !== 12) continue
      assembler.dropMessage(() => dropped++)
      expect(assembler.announcedLength).toBe(0)
    }
    expect(frames.length + dropped).toBe(8)
    expect(frames.filter(frame => frame.length === 8)).toHaveLength(2 - dropped)
  }
})
