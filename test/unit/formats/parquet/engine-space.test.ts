import { readFileSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { writeParquet } from '../../../../src/formats/parquet/write-parquet.ts'
import { columns, scalar } from '../../../support/parquet-files.ts'
import { childrenOf } from '../../../support/processes.ts'

const COLUMNS = 200
const GIBIBYTE_IN_KB = 1024 * 1024

/** What the limit of an engine's memory is about, the largest of them, in kB. */
const dataOfEngines = (): number =>
  Math.max(
    0,
    ...childrenOf(process.pid).map(({ pid }) =>
      Number(/VmData:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0),
    ),
  )

test.skipIf(process.platform !== 'linux')(
  'a small file of many columns leaves its engine half of what it may have',
  async () => {
    const target = columns(Object.fromEntries(Array.from({ length: COLUMNS }, (_, i) => [`c${i}`, scalar('int4')])))
    const row = `${Array.from({ length: COLUMNS }, (_, i) => i).join('\t')}\n`
    const encoder = writeParquet(target, 'none')
    const file = buffer(encoder)
    encoder.end(row.repeat(5000))
    await file
    expect(dataOfEngines()).toBeGreaterThan(0)
    expect(dataOfEngines()).toBeLessThan(GIBIBYTE_IN_KB)
  },
)

test('a file may be written of more rows than its engine has memory for', async () => {
  const chunk = Buffer.from(`1\t${'x'.repeat(64 * 1024)}\n`.repeat(16))
  const rows = Array(1000).fill(chunk)
  let bytes = 0
  const counter = new Writable({
    write(written: Buffer, _encoding, callback) {
      bytes += written.length
      callback()
    },
  })
  const encoder = writeParquet(columns({ a: scalar('int4'), b: scalar('text') }), 'none')
  await pipeline(Readable.from(rows), encoder, counter)
  expect(bytes).toBeGreaterThan(0)
})
