import type { Transform } from 'node:stream'
import { compressGzip, decompressGzip } from './gzip.ts'

interface StreamCompression {
  compress(): Transform[]
  decompress(): Transform[]
}

/** The whole blob in one compression: those of all formats but Parquet, which compresses within. */
const STREAMS: ReadonlyMap<string, StreamCompression> = new Map([
  ['none', { compress: () => [], decompress: () => [] }],
  ['gzip', { compress: () => [compressGzip()], decompress: () => [decompressGzip()] }],
])

export const isStreamCompression = (name: string): boolean => STREAMS.has(name)

/** Of a resolved format that is not Parquet. */
export function streamCompression(name: string): StreamCompression {
  const found = STREAMS.get(name)
  if (found) return found
  throw new TypeError(`no streams for compression ${name}`)
}
