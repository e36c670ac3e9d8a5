import { expect, it } from 'vitest'
import { type Inference, infer } from '../../../src/infer/infer.ts'
import { printed } from '../../../src/infer/print.ts'
import type { Blob } from '../../../src/storage/blob-client.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'

const inferred = (csv: string): Promise<Inference> => {
  const blob: Blob = new MemoryBlob()
  // It is read more than once.
  return infer({ ...blob, download: options => new MemoryBlob([csv]).download(options) }, 'a.csv')
}

/** Its second column has to be told to \copy by its name. */
const hostile = (name: string): string => `id,"${name}"\n${'1,""\n2,3\n'.repeat(100)}`

it('prints names of columns from which psql takes no command', async () => {
  const csv = hostile('a\n\\! touch hostile\r\u2028\x1b[2J\x9bb')
  const script = printed(await inferred(csv), 't', { kind: 'file', path: 'a.csv' })
  expect(script).toContain('FORCE_NULL ("a \\! touch hostile [2J b")')
  expect(script.split('\n').filter(line => line.startsWith('\\'))).toHaveLength(1)
  expect(script.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
})

it('writes control characters of a path as escapes', async () => {
  const path = "a\x1b'\\\n.csv"
  const place = { kind: 'blob', url: 'https://a/b', account: 'a', container: 'b', path } as const
  const script = printed(await inferred('a\n1\n'), 't', place)
  expect(script).toContain("blob_get('a', 'b', E'a\\u001b''\\\\\\u000a.csv'")
})
