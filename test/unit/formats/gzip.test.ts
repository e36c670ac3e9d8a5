import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { compressGzip, decompressGzip } from '../../../src/formats/gzip.ts'
import { everySplit, transformed } from '../../support/stream-bytes.ts'

const compressed = gzipSync('hello')

describe('decompressGzip', () => {
  it('decompresses at any chunk boundary', async () => {
    for (const chunks of everySplit(compressed)) {
      expect(String(await transformed(decompressGzip(), chunks))).toBe('hello')
    }
  })

  it('reads all members', async () => {
    for (const chunks of everySplit(Buffer.concat([compressed, gzipSync(''), gzipSync(' world')]))) {
      expect(String(await transformed(decompressGzip(), chunks))).toBe('hello world')
    }
  })

  it('fails on data that ends early, wherever', async () => {
    for (let length = 0; length < compressed.length; length++) {
      await expect(transformed(decompressGzip(), [compressed.subarray(0, length)])).rejects.toMatchObject({
        name: 'PgError',
        message: 'azure_storage: the blob is truncated',
        code: '22P04',
      })
    }
  })

  it.each([
    ['text', Buffer.from('id,name\n1,a\n')],
    ['a wrong checksum', Buffer.concat([compressed.subarray(0, -8), Buffer.alloc(8)])],
  ])('fails on %s', async (_what, bytes) => {
    await expect(transformed(decompressGzip(), [bytes])).rejects.toMatchObject({
      name: 'PgError',
      message: 'azure_storage: the blob is not valid gzip data',
      code: '22P04',
    })
  })
})

describe('compressGzip', () => {
  it('writes what gunzip reads', async () => {
    expect(String(gunzipSync(await transformed(compressGzip(), [Buffer.from('hel'), Buffer.from('lo')])))).toBe('hello')
  })

  it('makes a valid file of nothing', async () => {
    expect(gunzipSync(await transformed(compressGzip(), [])).length).toBe(0)
  })
})
