import { parse } from 'csv-parse'
import { BlobReader } from '../../src/formats/rows/blob-reader.ts'
import { CsvScanner } from '../../src/formats/rows/csv-scanner.ts'
import { DataRowWriter } from '../../src/formats/rows/data-row-writer.ts'

const ROWS = 1_000_000
const lines: string[] = []
for (let i = 0; i < ROWS; i++) lines.push(`${i},${(i * 7919) % 100003},kind-${i % 17},${i % 5 === 0 ? `"said ""hello"", then left ${i}"` : `some plain words ${i}`},${(i % 1000000) / 100},2024-01-0${1 + (i % 9)} 10:${10 + (i % 50)}:00.123456\n`)
const csv = Buffer.from(lines.join(''))
console.log(csv.length / 1e6, 'MB')
const shape = { columns: ['a', 'b', 'c', 'd', 'e', 'f'], withLine: false }
const rules = { delimiter: 44, quote: 34, escape: 34, nullString: Buffer.alloc(0), header: false, forceNotNull: [], forceNull: [], endMarker: true }
for (let round = 0; round < 6; round++) {
  const started = performance.now()
  const writer = new DataRowWriter()
  const reader = new BlobReader(new CsvScanner(writer, shape, rules), 'UTF8')
  let total = 0
  for (let at = 0; at < csv.length; at += 65536) {
    reader.push(csv.subarray(at, at + 65536))
    for (const b of writer.take()) total += b.length
  }
  reader.end()
  for (const b of writer.take()) total += b.length
  const seconds = (performance.now() - started) / 1000
  console.log('decode', (csv.length / 1e6 / seconds).toFixed(0), 'MB/s', total)
}
