import { expect, test } from 'vitest'
import { writeParquet } from '../../../../src/formats/parquet/write-parquet.ts'
import { columns, scalar } from '../../../support/parquet-files.ts'
import { Random } from '../../../support/random.ts'

const MEBIBYTE = 1024 * 1024
/** The engine reads rows in pieces of 64 MiB. */
const ROWS = 5120
const ROW_BYTES = 16 * 1024

test('row groups are written while rows still come', async () => {
  const encoder = writeParquet(columns({ a: scalar('int4'), b: scalar('text') }), 'none', { rowGroupSize: 2048 })
  let written = 0
  encoder.on('data', chunk => {
    written += chunk.length
  })
  const noise = new Random(3).bytes(ROW_BYTES / 2).toString('hex')
  for (let i = 0; i < ROWS; i++) {
    const more = encoder.write(`${i}\t${i}${noise}\n`)
    if (!more) await new Promise(resolve => encoder.once('drain', resolve))
  }
  await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(16 * MEBIBYTE)
  const closed = new Promise(resolve => encoder.once('close', resolve))
  encoder.destroy()
  await closed
})
