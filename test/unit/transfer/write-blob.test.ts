import { PassThrough, Transform } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { Compression } from '../../../src/formats/format.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import type { Blob } from '../../../src/storage/blob-client.ts'
import { BlobUpload, type BlockStore } from '../../../src/storage/blob-upload.ts'
import { BlobWriter } from '../../../src/transfer/write-blob.ts'

const broken = new PgError({ message: 'broken', code: '58000' })

function startWriter(compression: Compression, stages: Transform[] = [], store: Partial<BlockStore> = {}) {
  const put: Buffer[] = []
  const blob = {
    upload: options =>
      new BlobUpload(
        {
          putBlob: async contents => void put.push(Buffer.from(contents)),
          stageBlock: async () => {},
          commitBlocks: async () => {},
          ...store,
        },
        options,
      ),
  } as Blob
  const abort = new AbortController()
  const { signal } = abort
  const format = { format: 'csv', compression } as const
  return {
    writer: new BlobWriter(blob, { format, columns: [], spool: {}, maxBlockBytes: 100, signal }, ...stages),
    put,
    abort,
  }
}

const upperCase = () =>
  new Transform({ transform: (chunk, _, done) => done(null, chunk.toString().toUpperCase()), highWaterMark: 4 })

it('writes what goes in through the stages, and nothing before it is committed', async () => {
  const { writer, put } = startWriter('gzip', [upperCase()])
  for (const text of ['ab', 'cdef', 'g']) if (!writer.write(Buffer.from(text))) await writer.drained()
  expect(put).toEqual([])
  await writer.commit()
  expect(gunzipSync(put[0] as Buffer).toString()).toBe('ABCDEFG')
})

it('is done with a buffer that was written', async () => {
  for (const stages of [[], [new PassThrough()]]) {
    const { writer, put } = startWriter('none', stages)
    const buffer = Buffer.from('abc')
    writer.write(buffer)
    buffer.fill(0)
    await writer.commit()
    expect(put[0]?.toString()).toBe('abc')
  }
})

it.each([0, 1])('fails with a stage (%d), whoever waits for it', async place => {
  const failing = new Transform({ transform: (_chunk, _, done) => done(broken), highWaterMark: 1 })
  const stages = place === 0 ? [failing, upperCase()] : [upperCase(), failing]
  const { writer, put } = startWriter('none', stages)
  writer.write(Buffer.from('abcdefgh'))
  expect(await writer.failed).toBe(broken)
  await expect(writer.drained()).rejects.toBe(broken)
  expect(() => writer.write(Buffer.from('x'))).toThrow(broken)
  await expect(writer.commit()).rejects.toBe(broken)
  expect([put, stages.every(stage => stage.destroyed)]).toEqual([[], true])
})

it('fails with the upload, though nothing more is written', async () => {
  const stage = upperCase()
  const { writer } = startWriter('none', [stage], { stageBlock: () => Promise.reject(broken) })
  writer.write(Buffer.alloc(100))
  expect(await writer.failed).toBe(broken)
  expect(stage.destroyed).toBe(true)
})

it('leaves nothing behind when it is stopped, or its signal is aborted', async () => {
  for (const end of ['stop', 'signal']) {
    const stage = upperCase()
    const { writer, put, abort } = startWriter('gzip', [stage])
    writer.write(Buffer.from('abc'))
    if (end === 'stop') await writer.stop()
    else abort.abort()
    await writer.failed
    await writer.stop()
    await expect(writer.commit()).rejects.toThrow()
    expect([put, stage.destroyed]).toEqual([[], true])
  }
})
