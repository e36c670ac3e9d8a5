import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { BlobUpload, type BlockStore, blockBytes } from '../../../src/storage/blob-upload.ts'

const MEBIBYTE = 1024 * 1024

/** Keeps what a service would, and answers when it is told to. */
class MemoryStore implements BlockStore {
  readonly staged = new Map<string, Buffer>()
  readonly pending: { resolve: () => void; reject: (reason: Error) => void }[] = []
  readonly lengths: number[] = []
  blob: Buffer | undefined
  signal: AbortSignal | undefined
  requests = 0
  mostRequests = 0
  readonly #manual: boolean

  constructor(manual = false) {
    this.#manual = manual
  }

  async putBlob(contents: Buffer): Promise<void> {
    this.blob = Buffer.from(contents)
  }

  async stageBlock(id: string, contents: Buffer, signal: AbortSignal): Promise<void> {
    this.signal = signal
    this.lengths.push(contents.length)
    this.mostRequests = Math.max(this.mostRequests, ++this.requests)
    if (this.#manual) await new Promise<void>((resolve, reject) => this.pending.push({ resolve, reject }))
    else await turn()
    this.staged.set(id, Buffer.from(contents))
    this.requests--
  }

  async commitBlocks(ids: string[]): Promise<void> {
    this.blob = Buffer.concat(ids.map(id => this.staged.get(id) as Buffer))
  }
}

function start(store: BlockStore, maxBlockBytes: number, caller = new AbortController()): BlobUpload {
  return new BlobUpload(store, { signal: caller.signal, maxBlockBytes })
}

async function write(upload: BlobUpload, bytes: Buffer, step: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) {
    if (!upload.append(bytes, at, Math.min(at + step, bytes.length))) await upload.drained()
  }
}

function bytesOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255))
}

describe('a blob upload', () => {
  it.each([0, 1, 9, 10])('puts %i bytes with one request', async length => {
    const store = new MemoryStore()
    const upload = start(store, 11)
    upload.append(bytesOf(length), 0, length)
    await upload.commit()
    expect(store.blob).toEqual(bytesOf(length))
    expect(store.staged.size).toBe(0)
  })

  it.each([11, 12, 22, 100, 1000])('puts %i bytes with several, whatever the steps', async length => {
    for (const step of [1, 3, 11, 12, 500]) {
      const store = new MemoryStore()
      const upload = start(store, 11)
      await write(upload, bytesOf(length), step)
      await upload.commit()
      expect(store.blob).toEqual(bytesOf(length))
      expect(store.mostRequests).toBeLessThanOrEqual(2)
      expect(new Set([...store.staged.keys()].map(id => id.length)).size).toBe(1)
    }
  })

  it('asks its caller to wait while two requests run and a third is full', async () => {
    const store = new MemoryStore(true)
    const upload = start(store, 4)
    const bytes = bytesOf(4)
    expect(upload.append(bytes, 0, 4)).toBe(true)
    expect(upload.append(bytes, 0, 4)).toBe(true)
    expect(upload.append(bytes, 0, 4)).toBe(false)
    expect(store.requests).toBe(2)
    let drained = false
    const waiting = upload.drained().then(() => {
      drained = true
    })
    await turn()
    expect(drained).toBe(false)
    store.pending[0]?.resolve()
    await waiting
  })

  it('copies what it is given', async () => {
    const store = new MemoryStore()
    const upload = start(store, 4)
    const reused = Buffer.from('abcdef')
    upload.append(reused, 1, 6)
    reused.fill(0)
    await upload.commit()
    expect(String(store.blob)).toBe('bcdef')
  })

  it.each([
    [0, 128, 1, 8],
    [9_999, 128, 1, 8],
    [10_000, 128, 1, 16],
    [20_000, 128, 1, 32],
    [49_999, 128, 1, 128],
    [49_999, 100, 1, 100],
    [0, 1, 1, 1],
    [0, 128, 8, 8],
    [0, 128, 9, 4],
    [9_999, 128, 64, 1],
    [9_999, 128, 10_000, 1],
    [10_000, 128, 64, 16],
  ])('makes block %i, of at most %i MiB, of %i uploads, of %i MiB', (index, most, uploads, size) => {
    expect(blockBytes(index, most * MEBIBYTE, uploads)).toBe(size * MEBIBYTE)
  })

  it('has smaller blocks while there are many uploads', async () => {
    const store = new MemoryStore()
    const uploads = Array.from({ length: 64 }, () => start(store, 128 * MEBIBYTE))
    const [aborted, committed, failed, ...others] = uploads
    await write(failed as BlobUpload, Buffer.alloc(3 * MEBIBYTE), MEBIBYTE)
    expect(store.lengths).toEqual([MEBIBYTE, MEBIBYTE, MEBIBYTE])
    aborted?.abort()
    await committed?.commit()
    for (const upload of [failed, ...others]) upload?.abort()
    store.lengths.length = 0
    const alone = start(store, 128 * MEBIBYTE)
    await write(alone, Buffer.alloc(16 * MEBIBYTE), MEBIBYTE)
    expect(store.lengths).toEqual([8 * MEBIBYTE, 8 * MEBIBYTE])
    alone.abort()
  })

  it('counts as one that has ended once, also when it is committed although it was aborted', async () => {
    const others = Array.from({ length: 9 }, () => start(new MemoryStore(), MEBIBYTE))
    for (let i = 0; i < 9; i++) {
      const store = new MemoryStore()
      let answer = (): void => {}
      store.putBlob = () =>
        new Promise(resolve => {
          answer = resolve
        })
      const upload = start(store, MEBIBYTE)
      const committed = upload.commit()
      upload.abort()
      answer()
      await committed
    }
    const store = new MemoryStore()
    const last = start(store, 128 * MEBIBYTE)
    await write(last, Buffer.alloc(4 * MEBIBYTE), MEBIBYTE)
    expect(store.lengths).toEqual([4 * MEBIBYTE])
    for (const upload of [last, ...others]) upload.abort()
  })

  it('refuses a blob of more than 50,000 blocks', async () => {
    const store = new MemoryStore()
    const upload = start(store, 1)
    await write(upload, Buffer.alloc(50_000), 100)
    const message = 'azure_storage: the blob would need more than 50000 blocks'
    expect(() => upload.append(Buffer.alloc(1), 0, 1)).toThrow(expect.objectContaining({ message, code: '54000' }))
    await expect(upload.commit()).rejects.toMatchObject({ message })
    expect(store.blob).toBeUndefined()
  })

  it('reports a failed request everywhere, and cancels the others', async () => {
    const store = new MemoryStore(true)
    const upload = start(store, 4)
    upload.append(bytesOf(12), 0, 12)
    const drained = upload.drained()
    const failure = new Error('no')
    store.pending[1]?.reject(failure)
    await expect(drained).rejects.toBe(failure)
    expect(await upload.failed).toBe(failure)
    expect(() => upload.append(bytesOf(1), 0, 1)).toThrow(failure)
    await expect(upload.commit()).rejects.toBe(failure)
    expect(store.signal?.aborted).toBe(true)
    expect(store.blob).toBeUndefined()
  })

  it('commits nothing after an abort', async () => {
    const store = new MemoryStore()
    const upload = start(store, 4)
    upload.append(bytesOf(9), 0, 9)
    upload.abort()
    upload.abort()
    await expect(upload.commit()).rejects.toMatchObject({ name: 'AbortError' })
    expect(store.blob).toBeUndefined()
    expect(store.signal?.aborted).toBe(true)
  })

  it('stops with the reason of its caller, also while it waits', async () => {
    const store = new MemoryStore(true)
    const caller = new AbortController()
    const upload = start(store, 4, caller)
    upload.append(bytesOf(9), 0, 9)
    const committed = upload.commit()
    const reason = new Error('client is gone')
    caller.abort(reason)
    await expect(committed).rejects.toBe(reason)
    expect(await upload.failed).toBe(reason)
  })

  it('is not started for a caller who has given up', () => {
    const caller = new AbortController()
    caller.abort(new Error('gone'))
    expect(() => start(new MemoryStore(), 4, caller).append(bytesOf(1), 0, 1)).toThrow('gone')
  })

  it('keeps what was committed', async () => {
    const store = new MemoryStore()
    const caller = new AbortController()
    const upload = start(store, 4, caller)
    await upload.commit()
    upload.abort()
    caller.abort()
    expect(store.blob).toEqual(Buffer.alloc(0))
    expect(() => upload.append(bytesOf(1), 0, 1)).toThrow('the upload is over')
  })
})
