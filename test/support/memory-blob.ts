import { Readable } from 'node:stream'
import type { Blob } from '../../src/storage/blob-client.ts'
import { BlobUpload, type BlockStore } from '../../src/storage/blob-upload.ts'

/** A blob in memory. What is to be read comes chunk by chunk, or fails; what was written whole is in `put`. */
export class MemoryBlob implements Blob {
  readonly body: Readable
  readonly put: string[] = []
  readonly #store: Partial<BlockStore>

  constructor(chunks: Iterable<Buffer | string> | AsyncIterable<Buffer> = [], store: Partial<BlockStore> = {}) {
    const bytes = Symbol.iterator in chunks ? Array.from(chunks, chunk => Buffer.from(chunk)) : chunks
    this.body = Readable.from(bytes, { highWaterMark: 1 })
    this.#store = store
  }

  download: Blob['download'] = async ({ signal }) => {
    signal.addEventListener('abort', () => this.body.destroy(signal.reason), { once: true })
    this.body.on('error', () => {})
    return { body: this.body, size: 0, blobSize: 0, etag: 'e' }
  }

  upload: Blob['upload'] = options => {
    const blocks = new Map<string, string>()
    const store: BlockStore = {
      putBlob: async contents => void this.put.push(contents.toString()),
      stageBlock: async (id, contents) => void blocks.set(id, contents.toString()),
      commitBlocks: async ids => void this.put.push(ids.map(id => blocks.get(id)).join('')),
    }
    return new BlobUpload({ ...store, ...this.#store }, options)
  }
}
