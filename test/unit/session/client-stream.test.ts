import { describe, expect, it } from 'vitest'
import { ClientStream, QUERY_TEXT_LIMIT } from '../../../src/session/client-stream.ts'
import { everySplit } from '../../support/stream-bytes.ts'
import { wire } from '../../support/wire.ts'

/** A stream that takes the queries `ours` out, and what became of the rest. */
function startStream() {
  const passing: string[] = []
  const passed: Buffer[] = []
  const taken: string[] = []
  const stream: ClientStream = new ClientStream(
    {
      wants: code => code === 'Q'.charCodeAt(0),
      examine: ({ bytes }) => {
        const text = bytes.toString('utf8', 5, bytes.length - 1)
        return text === 'ours' ? async () => void taken.push(text) : undefined
      },
      close: () => {},
    },
    {
      passing: code => passing.push(String.fromCharCode(code)),
      pass: bytes => passed.push(Buffer.from(bytes)),
      operate: operation => void operation(),
    },
  )
  return { stream, passing, taken, text: () => Buffer.concat(passed).toString(), passed }
}

describe('The stream of a client', () => {
  const { query, sync, copyData, copyDone } = wire
  const before = Buffer.concat([query('a'), sync, copyData('x'.repeat(10)), query('b')])
  const after = Buffer.concat([sync, query('c')])

  it('passes all but what is taken, in order, whatever the chunks', () => {
    for (const chunks of everySplit(Buffer.concat([before, query('ours'), after]))) {
      const { stream, passing, taken, text } = startStream()
      for (const chunk of chunks) stream.push(chunk)
      expect([text(), taken]).toEqual([before.toString(), ['ours']])
      stream.unblock()
      expect([text(), passing.join('')]).toEqual([Buffer.concat([before, after]).toString(), 'QSdQSQ'])
    }
  })

  it('passes a chunk in one piece', () => {
    const { stream, passed } = startStream()
    stream.push(before)
    expect(passed).toEqual([before])
  })

  it('passes messages that nobody wants before they are whole', () => {
    const { stream, text } = startStream()
    stream.push(copyData('0123456789').subarray(0, 8))
    expect(text()).toHaveLength(8)
    const long = startStream()
    const header = Buffer.from('Q\0\0\0\0')
    header.writeUInt32BE(QUERY_TEXT_LIMIT + 1, 1)
    long.stream.push(header)
    expect(long.text()).toHaveLength(5)
  })

  it.each([3, 0, 0xffffffff])('leaves a length of %d to the backend, and all after it', length => {
    const { stream, text, taken } = startStream()
    const broken = Buffer.from('Q\0\0\0\0')
    broken.writeUInt32BE(length, 1)
    stream.push(broken)
    stream.push(query('ours'))
    expect([text(), taken]).toEqual([Buffer.concat([broken, query('ours')]).toString('utf8'), []])
  })

  it('lets the client copy through until it is done, while an operation runs', () => {
    const rows = Buffer.concat([copyData('1\n'), copyData('2\n'), copyDone])
    for (const chunks of everySplit(Buffer.concat([query('ours'), rows, query('a')]))) {
      const { stream, text } = startStream()
      for (const chunk of chunks) stream.push(chunk)
      expect(text()).toBe('')
      stream.openCopyGate()
      expect([text(), stream.copyGate]).toEqual([rows.toString(), false])
      stream.unblock()
      expect(text()).toBe(Buffer.concat([rows, query('a')]).toString())
    }
  })

  it('is full when much waits for an operation, not when a long message is under way', () => {
    const { stream, text } = startStream()
    const long = query('x'.repeat(3_000_000))
    stream.push(long.subarray(0, 2_000_000))
    expect(stream.full).toBe(false)
    stream.push(Buffer.concat([long.subarray(2_000_000), query('ours'), long.subarray(0, 2_000_000)]))
    expect([stream.full, text().length]).toEqual([true, long.length])
    stream.unblock()
    expect(stream.full).toBe(false)
    stream.push(long.subarray(2_000_000))
    expect(text()).toHaveLength(2 * long.length)
  })
})
