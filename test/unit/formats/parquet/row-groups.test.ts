import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { writeParquet } from '../../../../src/formats/parquet/write-parquet.ts'
import { columns, rowsOf, scalar } from '../../../support/parquet-files.ts'
import { Random } from '../../../support/random.ts'

const MEBIBYTE = 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const ROW_BYTES = 16 * 1024
const target = columns({ a: scalar('int4'), b: scalar('text') })
const noise = new Random(3).bytes(ROW_BYTES / 2).toString('hex')

test('row groups are written while rows still come, long before as much has come as a row may have', async () => {
  const encoder = writeParquet(target, 'none', { rowGroupSize: 2048 })
  let written = 0
  encoder.on('data', chunk => {
    written += chunk.length
  })
  const value = noise.slice(0, 2048)
  for (let i = 0; i < 40 * 512; i++) {
    const more = encoder.write(`${i}\t${i}${value}\n`)
    if (!more) await new Promise(resolve => encoder.once('drain', resolve))
  }
  await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(24 * MEBIBYTE)
  const closed = new Promise(resolve => encoder.once('close', resolve))
  encoder.destroy()
  await closed
})

test('rows that come in pieces stay whole and in order, a long one and what comes behind it too', async () => {
  const long = noise.repeat((20 * MEBIBYTE) / ROW_BYTES)
  const rows = Buffer.from(
    Array.from({ length: 2500 }, (_, i) => `${i}\t${i === 900 ? long : noise.slice((i * 7) % ROW_BYTES)}\n`).join(''),
  )
  const encoder = writeParquet(target, 'none')
  const file = buffer(encoder)
  for (let at = 0; at < rows.length; at += CHUNK_BYTES) {
    const more = encoder.write(rows.subarray(at, at + CHUNK_BYTES))
    if (!more) await new Promise(resolve => encoder.once('drain', resolve))
  }
  encoder.end()
  expect((await rowsOf(await file, target)) === rows.toString()).toBe(true)
})
