import { Readable, Transform } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { Compression } from '../../../src/formats/format.ts'
import { MemoryBudget } from '../../../src/memory-budget.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import type { Blob } from '../../../src/storage/blob-client.ts'
import { readBlob } from '../../../src/transfer/read-blob.ts'

const upperCase = () => new Transform({ transform: (chunk, _, done) => done(null, chunk.toString().toUpperCase()) })

function read(body: Readable, compression: Compression, ...stages: Transform[]): AsyncGenerator<Buffer> {
  const blob = { download: async () => ({ body }) } as unknown as Blob
  const { signal } = new AbortController()
  return readBlob(
    blob,
    { format: { format: 'csv', compression }, columns: [], spool: {}, memory: new MemoryBudget({}), signal },
    ...stages,
  )
}

async function text(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString()
}

it('gives the bytes, decompressed and through the stages', async () => {
  expect(await text(read(Readable.from([Buffer.from('a'), Buffer.from('b')]), 'none'))).toBe('ab')
  expect(await text(read(Readable.from([gzipSync('abc')]), 'gzip', upperCase()))).toBe('ABC')
})

it('closes everything when the loop is left early', async () => {
  const body = new Readable({ read: () => {} })
  body.push('a')
  const stage = upperCase()
  for await (const chunk of read(body, 'none', stage)) {
    expect(chunk.toString()).toBe('A')
    break
  }
  expect([body.destroyed, stage.destroyed]).toEqual([true, true])
})

it('fails with the download, whatever stages come behind it', async () => {
  const broken = new PgError({ message: 'broken', code: '58000' })
  for (const stages of [[], [upperCase()], [upperCase(), upperCase()]]) {
    const body = new Readable({ read: () => body.destroy(broken) })
    await expect(text(read(body, 'none', ...stages))).rejects.toBe(broken)
    expect(stages.every(stage => stage.destroyed)).toBe(true)
  }
})
