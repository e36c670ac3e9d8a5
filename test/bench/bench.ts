/**
 * npm run bench: each line is the ratio of two things measured side by side in this run, as medians of paired rounds.
 *   npm run bench -- [--only copy,functions,encodings,parquet,relay,memory,stacks] [--rows 2000000] [--rounds 5] [--postgres 15|18] [--json bench-results.json]
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { startBenchStack } from './bench-stack.ts'
import { copyLines, memoryLine, prepareTables } from './copy-lines.ts'
import { encodingLines } from './encoding-lines.ts'
import { functionLines } from './function-lines.ts'
import type { Line } from './measure.ts'
import { parquetLines, parquetMemoryLine } from './parquet-lines.ts'
import { relayLines } from './relay-lines.ts'
import { stackLines } from './stack-lines.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'copy,functions,encodings,parquet,relay,memory,stacks' },
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
    postgres: { type: 'string', default: '18' },
    json: { type: 'string', default: 'bench-results.json' },
  },
})
const rounds = Number(values.rounds)
const wanted = values.only.split(',')
const version = values.postgres === '15' ? 15 : 18

const lines: Line[] = wanted.includes('stacks') ? await stackLines(rounds) : []
const others = wanted.filter(each => each !== 'stacks')
if (others.length > 0) lines.push(...(await serverLines(others)))
const machine = { postgres: version, node: process.version, cpus: cpus().length, date: new Date().toISOString() }
await writeFile(values.json, `${JSON.stringify({ machine, lines }, undefined, 2)}\n`)
console.log(table(lines))

function table(rows: readonly Line[]): string {
  const cells = rows.map(line => [
    line.name,
    line.against,
    `${line.ours.toFixed(2)} ${line.unit}`,
    `${line.theirs.toFixed(2)} ${line.unit}`,
    line.ratio.toFixed(2),
  ])
  const all = [['what', 'against', 'Blobgres', 'the other', 'ratio'], ...cells]
  const widths = [0, 1, 2, 3, 4].map(i => Math.max(...all.map(row => (row[i] as string).length)))
  return all
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Beside a server that they share. */
async function serverLines(wanted: readonly string[]): Promise<Line[]> {
  const lines: Line[] = []
  const stack = await startBenchStack(version)
  try {
    await prepareTables(stack, Number(values.rows))
    if (wanted.includes('copy')) lines.push(...(await copyLines(stack, rounds)))
    if (wanted.includes('functions')) lines.push(...(await functionLines(stack, rounds)))
    if (wanted.includes('encodings')) lines.push(...(await encodingLines(stack, rounds)))
    if (wanted.includes('parquet')) lines.push(...(await parquetLines(stack, rounds)))
    if (wanted.includes('relay')) lines.push(...(await relayLines(stack, rounds)))
    if (wanted.includes('memory')) lines.push(await memoryLine(stack), await parquetMemoryLine(stack))
  } finally {
    await stack.close()
  }
  return lines
}
