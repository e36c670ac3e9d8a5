import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { openBlob } from '../../src/storage/blob-client.ts'
import type { Fault, TakeFault, Use } from '../../src/storage/faults.ts'
import { createContainer } from '../support/azurite.ts'
import { account, accountKey, blobIn, endpoints, readBlob, writeBlob } from '../support/blobs.ts'

const contents = Buffer.from(Array.from({ length: 200_001 }, (_, i) => i % 251))
let container: ContainerClient
beforeAll(async () => {
  container = await createContainer('injected')
  await writeBlob(blobIn(container, 'blob'), contents)
})
afterAll(() => container.delete())

const blobWith = (take: TakeFault) =>
  openBlob(endpoints(), account.name, accountKey, container.containerName, 'blob', { takeFault: take })

it('a truncated blob ends behind its first half', async () => {
  const { signal } = new AbortController()
  const { body } = await blobWith(() => 'truncated').download({ signal })
  const chunks: Buffer[] = []
  const reading = (async () => {
    for await (const chunk of body) chunks.push(chunk)
  })()
  await expect(reading).rejects.toMatchObject({ code: '08001' })
  expect(Buffer.concat(chunks).equals(contents.subarray(0, 100_000))).toBe(true)
})

it('a slow one ends as any storage that is silent', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const reading = readBlob(blobWith(() => 'slow')).catch(error => error)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await reading).toMatchObject({ code: '08001', detail: expect.stringContaining('no answer for 60 seconds') })
  } finally {
    vi.useRealTimers()
  }
})

it('a blob is asked for a fault once, when it is first used', async () => {
  const uses: Use[] = []
  const faults: (Fault | undefined)[] = [undefined, 'denied']
  const blob = blobWith(use => {
    uses.push(use)
    return faults.shift()
  })
  expect(uses).toEqual([])
  for (const _ of [1, 2]) expect((await readBlob(blob)).equals(contents)).toBe(true)
  const use = { operation: 'download', account: account.name, container: container.containerName, path: 'blob' }
  expect(uses).toEqual([use])
})

it('a service that is unavailable is not asked again', async () => {
  let taken = 0
  const blob = blobWith(() => {
    taken++
    return 'unavailable'
  })
  await expect(writeBlob(blob, 'x')).rejects.toMatchObject({ detail: expect.stringContaining('ServerBusy') })
  expect(taken).toBe(1)
  expect((await readBlob(blobIn(container, 'blob'))).equals(contents)).toBe(true)
})
