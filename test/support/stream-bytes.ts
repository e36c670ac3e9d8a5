import { Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

/** What comes out of a transform that is given these chunks. */
export async function transformed(transform: Transform, chunks: Iterable<Uint8Array>): Promise<Buffer> {
  const [bytes] = await Promise.all([buffer(transform), pipeline(Readable.from(chunks), transform)])
  return bytes
}

/** `bytes` in two chunks, for every place to cut; and in single bytes. */
export function* everySplit(bytes: Buffer): Iterable<Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield Array.from(bytes, byte => Buffer.of(byte))
}
