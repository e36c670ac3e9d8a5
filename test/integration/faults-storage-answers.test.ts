import type http from 'node:http'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { blobIn, readBlob, writeBlob } from '../support/blobs.ts'
import { type Answer, startTamperedAnswers, type TamperedAnswers } from '../support/tampered-answers.ts'

const SIZE = 100_000
const contents = Buffer.from(Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255))

/** A refusal as the service words it. */
const refuse =
  (status: number, code: string, headers: http.OutgoingHttpHeaders = {}): Answer =>
  response => {
    response.writeHead(status, { 'x-ms-error-code': code, ...headers })
    response.end()
  }

let container: ContainerClient
let storage: TamperedAnswers
beforeAll(async () => {
  container = await createContainer('answers')
  await writeBlob(blobIn(container, 'blob'), contents)
})
afterAll(() => container.delete())
afterEach(async () => {
  vi.useRealTimers()
  await storage.close()
})

const start = async (answers: readonly Answer[]): Promise<void> => {
  storage = await startTamperedAnswers(request => answers[request])
}
const read = (): Promise<Buffer> => readBlob(blobIn(container, 'blob', storage.endpointTemplate))

describe('a service that is busy', () => {
  it.each([
    ['500', refuse(500, 'InternalError')],
    ['503', refuse(503, 'ServerBusy')],
    ['503 with Retry-After', refuse(503, 'ServerBusy', { 'retry-after': '1' })],
  ])('is asked again: %s', async (_, busy) => {
    await start([busy, busy])
    expect((await read()).equals(contents)).toBe(true)
    expect(storage.requests).toHaveLength(3)
    await writeBlob(blobIn(container, 'written', storage.endpointTemplate), 'text')
    expect(String(await readBlob(blobIn(container, 'written')))).toBe('text')
  })

  it.each([
    [409, 'AccountBeingCreated'],
    [429, 'TooManyRequests'],
  ])('and refuses, is named: %i', async (status, code) => {
    await start([refuse(status, code)])
    await expect(read()).rejects.toMatchObject({
      code: '58030',
      message: 'azure_storage: the storage service refused the request',
      detail: expect.stringContaining(`${code} (HTTP status ${status}`),
    })
  })
})

it('a clock that is wrong is named', async () => {
  const date = new Date(Date.now() + 20 * 60_000).toUTCString()
  await start([refuse(403, 'AuthenticationFailed', { date })])
  await expect(read()).rejects.toMatchObject({
    code: '42501',
    detail: expect.stringContaining('AuthenticationFailed (HTTP status 403'),
    hint: "The proxy's clock is 20 minutes behind the storage service's.",
  })
})

describe('an answer whose length is wrong', () => {
  const withLength =
    (announced: number, sent: number): Answer =>
    (response, { headers, body }) => {
      response.socket?.write(
        `HTTP/1.1 200 OK\r\nContent-Length: ${announced}\r\nETag: ${headers.etag}\r\nx-ms-blob-type: BlockBlob\r\n\r\n`,
      )
      response.socket?.end(body.subarray(0, sent))
    }

  it('too long: what is wanting is asked for, and of the same version alone', async () => {
    await start([withLength(SIZE, SIZE / 2)])
    expect((await read()).equals(contents)).toBe(true)
    expect(storage.requests[1]).toMatchObject({ 'x-ms-range': `bytes=${SIZE / 2}-` })
    expect(storage.requests[1]?.['if-match']).toMatch(/^"?0x/)
  })

  it('longer than the blob: an error, not a blob that ends early', async () => {
    await start([withLength(SIZE + 10, SIZE)])
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/^(58030|08001)$/) })
  })

  it('too short: the bytes behind the end are nobody else’s answer', async () => {
    await start([withLength(SIZE / 2, SIZE)])
    expect((await read()).equals(contents.subarray(0, SIZE / 2))).toBe(true)
    expect((await read()).equals(contents)).toBe(true)
  })
})

it('a service that begins again at the first byte: an error, not the same bytes twice', async () => {
  const half: Answer = (response, { headers, body }) => {
    response.writeHead(200, headers)
    response.write(body.subarray(0, SIZE / 2), () => response.destroy())
  }
  const again: Answer = (response, { headers: { 'content-range': _, ...headers } }) => {
    response.writeHead(200, { ...headers, 'content-length': SIZE })
    response.end(contents)
  }
  await start([half, again])
  await expect(read()).rejects.toMatchObject({
    code: '08001',
    detail: expect.stringContaining('the answer is not the part of the blob that was asked for'),
  })
})

describe('a body that comes slowly', () => {
  /** Sends a tenth whenever told to. */
  const tenths = (): { answer: Answer; next: () => void; asked: Promise<void> } => {
    let next = (): void => {}
    let onAsked = (): void => {}
    const asked = new Promise<void>(resolve => {
      onAsked = resolve
    })
    const answer: Answer = (response, { headers, body }) => {
      let sent = 0
      response.writeHead(200, headers)
      next = () => {
        response.write(body.subarray(sent, sent + SIZE / 10))
        sent += SIZE / 10
        if (sent >= SIZE) response.end()
      }
      next()
      onAsked()
    }
    return { answer, next: () => next(), asked }
  }

  async function begin(): Promise<{ next: () => void; received: () => number; result: Promise<number> }> {
    const { answer, next, asked } = tenths()
    await start([answer])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { body } = await blobIn(container, 'blob', storage.endpointTemplate).download({
      signal: new AbortController().signal,
    })
    await asked
    let length = 0
    body.on('data', chunk => {
      length += chunk.length
    })
    const result = new Promise<number>((resolve, reject) => {
      body.on('end', () => resolve(length)).on('error', reject)
    })
    result.catch(() => {})
    return { next, received: () => length, result }
  }

  const arrives = async (received: () => number, length: number): Promise<void> => {
    while (received() < length) await new Promise(resolve => setImmediate(resolve))
  }

  it('but steadily is waited for', async () => {
    const { next, received, result } = await begin()
    for (let part = 1; part < 10; part++) {
      await arrives(received, (part * SIZE) / 10)
      vi.advanceTimersByTime(50_000)
      next()
    }
    expect(await result).toBe(SIZE)
  })

  it('and then not at all is given up', async () => {
    const { received, result } = await begin()
    await arrives(received, SIZE / 10)
    vi.advanceTimersByTime(60_001)
    await expect(result).rejects.toMatchObject({
      code: '08001',
      detail: expect.stringContaining('no answer for 60 seconds'),
    })
  })
})
