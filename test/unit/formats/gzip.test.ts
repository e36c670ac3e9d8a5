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

  it.each([1, 2, 600, 300_000])('passes over %i zero bytes between members and behind them', async count => {
    const zeros = Buffer.alloc(count)
    const file = Buffer.concat([compressed, zeros, gzipSync(' '), gzipSync('world'), zeros])
    const splits = count < 10 ? everySplit(file) : [[file], [compressed, file.subarray(compressed.length)]]
    for (const chunks of splits) expect(String(await transformed(decompressGzip(), chunks))).toBe('hello world')
  })

  it.each([
    ['behind a member', [compressed, 'junk']],
    ['behind zero bytes', [compressed, Buffer.alloc(512), 'junk']],
    ['that begin as a member does', [compressed, Buffer.alloc(1), Buffer.of(0x1f, 0x8c, 0, 0)]],
  ])('fails on other bytes %s', async (_where, parts) => {
    for (const chunks of everySplit(Buffer.concat(parts.map(part => Buffer.from(part as Buffer))))) {
      await expect(transformed(decompressGzip(), chunks)).rejects.toMatchObject({
        name: 'PgError',
        message: 'azure_storage: the blob is not valid gzip data',
        code: '22P04',
      })
    }
  })

  it('fails on a member behind padding that ends early', async () => {
    const file = Buffer.concat([compressed, Buffer.alloc(3), compressed])
    for (let length = compressed.length + 4; length < file.length; length++) {
      await expect(transformed(decompressGzip(), [file.subarray(0, length)])).rejects.toMatchObject({
        message: 'azure_storage: the blob is truncated',
      })
    }
  })

  it('holds back what is not read, and gives all of it', async () => {
    const text = 'x'.repeat(64 * 1024 * 1024)
    const decoder = decompressGzip()
    decoder.end(Buffer.concat([gzipSync(text), Buffer.of(0), gzipSync(text)]))
    await new Promise(resolve => decoder.once('readable', resolve))
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(decoder.readableLength).toBeLessThan(2 * 1024 * 1024)
    let length = 0
    for await (const chunk of decoder) length += (chunk as Buffer).length
    expect(length).toBe(2 * text.length)
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
