import { PassThrough, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type BlobRange, ResumingDownload } from '../../../src/storage/blob-download.ts'
import { RequestGuard } from '../../../src/storage/request-guard.ts'

const silence = new Error('silence')
const lost = new Error('lost')

/** A download of 6 bytes whose connections are streams, the first of them open already. */
function startDownload(connections: Readable[], { limitMs = 10_000, caller = new AbortController() } = {}) {
  const guard = new RequestGuard(caller.signal, limitMs, () => silence)
  const offsets: number[] = []
  const next = (): BlobRange => ({ size: 6, etag: '"1"', body: connections.shift() as Readable })
  const request = async (offset: number, etag: string): Promise<BlobRange> => {
    expect(etag).toBe('"1"')
    offsets.push(offset)
    if (connections.length === 0) throw lost
    return next()
  }
  return { body: new ResumingDownload(next(), request, guard, () => lost), offsets }
}

function connection(bytes: string): PassThrough {
  return new PassThrough().end(bytes)
}

it('asks for the rest when a connection ends early', async () => {
  const { body, offsets } = startDownload([connection('ab'), connection(''), connection('cde'), connection('f')])
  expect(String(await buffer(body))).toBe('abcdef')
  expect(offsets).toEqual([2, 2, 5])
})

it('gives up when several connections in a row bring nothing', async () => {
  const connections = [connection('ab'), connection(''), connection(''), connection(''), connection('cdef')]
  const { body, offsets } = startDownload(connections)
  await expect(buffer(body)).rejects.toBe(lost)
  expect(offsets).toEqual([2, 2, 2])
})

it('fails with the error of a request', async () => {
  await expect(buffer(startDownload([connection('ab')]).body)).rejects.toBe(lost)
})

it('fails when the service falls silent', async () => {
  const silent = new PassThrough()
  silent.write('ab')
  await expect(buffer(startDownload([silent], { limitMs: 20 }).body)).rejects.toBe(silence)
  expect(silent.destroyed).toBe(true)
})

it('takes a consumer that pauses for no silence', async () => {
  const source = new PassThrough()
  source.write('ab')
  const { body } = startDownload([source], { limitMs: 20 })
  await sleep(60)
  source.end('cdef')
  expect(String(await buffer(body))).toBe('abcdef')
})

it('closes the connection when its consumer is gone', async () => {
  const source = new PassThrough()
  const { body } = startDownload([source])
  body.destroy()
  await sleep(1)
  expect(source.destroyed).toBe(true)
})

it('reads no more in a turn of the event loop than it has time for', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  onTestFinished(() => clock.mockRestore())
  const source = new PassThrough()
  const { body } = startDownload([source])
  const read: string[] = []
  body.on('data', chunk => {
    read.push(String(chunk))
    now += 10
  })
  for (const byte of 'abcdef') source.write(byte)
  source.end()
  const readByTurn: number[] = []
  while (!body.readableEnded) {
    await new Promise<void>(resolve => setImmediate(resolve))
    readByTurn.push(read.length)
  }
  expect(read.join('')).toBe('abcdef')
  expect(Math.max(...readByTurn.map((length, i) => length - (readByTurn[i - 1] ?? 0)))).toBeLessThan(6)
})
