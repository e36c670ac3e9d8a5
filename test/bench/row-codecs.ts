import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import { decodeJsonLines } from '../../src/formats/jsonl/json-lines.ts'
import { DataRowWriter } from '../../src/formats/rows/data-row-writer.ts'
import { createRowDecoder, createRowEncoder } from '../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../src/formats/rows/row-options.ts'
import { MemoryBudget } from '../../src/memory-budget.ts'

/*
 * The row codecs beside csv-parse and csv-stringify, which are spared the making of DataRows and the reading of record
 * literals, and JSON Lines beside JSON.parse. Rates are of the file's bytes by the processor's time, best of several rounds.
 */

const ROWS = 200_000
const ROUNDS = 8
const CHUNK_BYTES = 64 * 1024
const ROWS_IN_PUSH = 100
const MAX_ROW_BYTES = 64 * 1024 * 1024
const COLUMNS = ['id', 'n', 'kind', 'note', 'amount', 'at']
const TARGET = { majorVersion: 18, encoding: 'UTF8' }

function values(i: number): string[] {
  const note = i % 5 === 0 ? `said "hello", then left ${i}` : `some plain words ${i}`
  const at = `2024-01-0${1 + (i % 9)} 10:${10 + (i % 50)}:00.123456`
  return [String(i), String((i * 7919) % 100_003), `kind-${i % 17}`, note, ((i % 1_000_000) / 100).toFixed(2), at]
}

const rows = Array.from({ length: ROWS }, (_, i) => values(i))
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
const csv = Buffer.from(rows.map(row => `${row.map(text => (/[",]/.test(text) ? quoted(text) : text))}\n`).join(''))
const literals = rows.map(row => `(${row.map(text => (/[", ]/.test(text) ? quoted(text) : text))})`)
const pushes = Array.from({ length: ROWS / ROWS_IN_PUSH }, (_, i) =>
  Buffer.from(literals.slice(i * ROWS_IN_PUSH, (i + 1) * ROWS_IN_PUSH).join('')),
)

const objects = rows.map(row => JSON.stringify(Object.fromEntries(row.map((value, i) => [COLUMNS[i], value]))))
const lines = Buffer.from(`${objects.join('\n')}\n`)

async function decodeLines(): Promise<number> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < lines.length; at += CHUNK_BYTES) yield lines.subarray(at, at + CHUNK_BYTES)
  }
  const columns = COLUMNS.map(name => ({ name, shape: { kind: 'scalar', type: 'text' } as const }))
  const budget = new MemoryBudget({ maxRowBytes: MAX_ROW_BYTES })
  let bytes = 0
  for await (const chunk of decodeJsonLines(chunks(), columns, budget, new AbortController().signal))
    bytes += chunk.length
  return bytes
}

function parseLines(): unknown[] {
  const texts = lines.toString().trimEnd().split('\n')
  return texts.map(text => JSON.parse(text))
}

function decodeOwn(): number {
  const writer = new DataRowWriter(MAX_ROW_BYTES)
  const shape = { columns: COLUMNS, withLine: false }
  const decoder = createRowDecoder('csv', readRowOptions({}, 'csv', 'get'), shape, TARGET, writer)
  let bytes = 0
  const take = (): void => {
    for (const buffer of writer.take()) bytes += buffer.length
  }
  for (let at = 0; at < csv.length; at += CHUNK_BYTES) {
    decoder.push(csv.subarray(at, at + CHUNK_BYTES))
    take()
  }
  decoder.end()
  take()
  return bytes
}

function encodeOwn(): number {
  const encoder = createRowEncoder('csv', readRowOptions({}, 'csv', 'put'), COLUMNS, TARGET)
  let bytes = 0
  for (const push of pushes) bytes += encoder.encode(push).length
  if (bytes !== csv.length) throw new Error(`${bytes} bytes were written, not ${csv.length}`)
  return bytes
}

async function measure(name: string, work: () => unknown, { length } = csv): Promise<number> {
  let best = 0
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    best = Math.max(best, length / (user + system))
  }
  console.log(`${name.padEnd(32)} ${best.toFixed(0).padStart(5)} MB/s`)
  return best
}

const decoded =
  (await measure('csv → DataRow', decodeOwn)) / (await measure('csv → arrays, csv-parse', () => parse(csv)))
const encoded =
  (await measure('record literals → csv', encodeOwn)) /
  (await measure('arrays → csv, csv-stringify', () => stringify(rows)))
const read =
  (await measure('JSON Lines → text for COPY', decodeLines, lines)) /
  (await measure('JSON Lines → objects, JSON.parse', parseLines, lines))
console.log(`faster than the libraries: decoding ${decoded.toFixed(1)} times, encoding ${encoded.toFixed(1)} times`)
console.log(`JSON Lines at ${read.toFixed(2)} of JSON.parse's speed`)
