import { describe, expect, it } from 'vitest'
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

describe('a long message', () => {
  const LONG = message(BACKEND.copyData, Buffer.alloc(300 * 1024, 'long'))
  const next = message(BACKEND.copyDone)
  const stream = Buffer.concat([LONG, next, LONG])
  const collect = () => {
    const frames: Buffer[] = []
    return { frames, assembler: new FrameAssembler(({ bytes }) => frames.push(bytes)) }
  }

  it.each([...[1000, 64 * 1024, 299 * 1024, LONG.length - 1, LONG.length + 2].map(length => [length, length]), [3, 6]])(
    'in chunks, the first two of %i and %i bytes',
    (first = 0, second = 0) => {
      const { frames, assembler } = collect()
      assembler.push(stream.subarray(0, first))
      for (let at = first; at < stream.length; at += second) assembler.push(stream.subarray(at, at + second))
      expect(frames.map(bytes => bytes.length)).toEqual([LONG, next, LONG].map(bytes => bytes.length))
      expect(Buffer.concat(frames).equals(stream)).toBe(true)
    },
  )

  it('has memory of its own when it has come in chunks: it may be given to another thread', () => {
    const { frames, assembler } = collect()
    for (let at = 0; at < LONG.length; at += 1000) assembler.push(LONG.subarray(at, at + 1000))
    expect(frames[0]?.buffer.byteLength).toBe(LONG.length)
  })

  it('is given back, or passed over, where it has not come whole', () => {
    const { frames, assembler } = collect()
    for (let at = 0; at < 5000; at += 1000) assembler.push(LONG.subarray(at, at + 1000))
    expect([assembler.announcedLength, assembler.takePartial().equals(LONG.subarray(0, 5000))]).toEqual([
      LONG.length,
      true,
    ])
    for (let at = 0; at < 5000; at += 1000) assembler.push(LONG.subarray(at, at + 1000))
    let dropped = 0
    assembler.dropMessage(() => dropped++)
    assembler.push(LONG.subarray(5000))
    assembler.push(next)
    expect([dropped, frames.map(String)]).toEqual([1, [String(next)]])
  })

  it('is for the sink that was set meanwhile', () => {
    const { frames, assembler } = collect()
    let payload = 0
    for (let at = 0; at < stream.length; at += 1000) {
      assembler.push(Buffer.from(stream.subarray(at, at + 1000)))
      assembler.copyDataSink = bytes => {
        payload += bytes.length
      }
    }
    expect([payload, frames.length]).toEqual([2 * (LONG.length - 5), 1])
  })
})
