import { describe, expect, it } from 'vitest'
import { decodeJsonLines } from '../../../../src/formats/jsonl/json-lines.ts'
import type { Shape } from '../../../../src/formats/parquet/shape.ts'
import { MemoryBudget } from '../../../../src/memory-budget.ts'
import { jsonLine } from '../../../support/json-lines.ts'
import { Random } from '../../../support/random.ts'

const TEXT: Shape = { kind: 'scalar', type: 'text' }
const COLUMNS = ['a', 'b c', 'j', 'é'].map(name => ({ name, shape: name === 'j' ? { ...TEXT, type: 'json' } : TEXT }))
const columns = [...COLUMNS, { name: 'ts', shape: { kind: 'array', element: TEXT } as const }]

async function rowsOf(bytes: Buffer, pieceBytes = bytes.length || 1, maxRowBytes = 65536): Promise<string> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const rows: Buffer[] = []
  const budget = new MemoryBudget({ maxRowBytes })
  for await (const chunk of decodeJsonLines(pieces(), columns, budget, new AbortController().signal)) rows.push(chunk)
  return Buffer.concat(rows).toString()
}

const isObject = (line: string): boolean => {
  try {
    const value = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

describe('JSON Lines become rows', () => {
  it('wherever the chunks are cut', async () => {
    const random = new Random(7)
    const lines = Buffer.from(Array.from({ length: 30 }, () => `${jsonLine(random)}\n`).join(''))
    const whole = await rowsOf(lines)
    expect(whole.split('\n')).toHaveLength(31)
    for (const pieceBytes of [1, 2, 3, 7, 50]) expect(await rowsOf(lines, pieceBytes)).toBe(whole)
  })

  it('or are refused, as JSON.parse() refuses them', async () => {
    const random = new Random(11)
    const bytes = '{}[]",:\\0123456789-+.eEtfnu \t'
    let refused = 0
    for (let i = 0; i < 3000; i++) {
      const line = jsonLine(random)
      const at = random.below(line.length)
      const broken =
        line.slice(0, at) + random.pick(['', bytes[random.below(bytes.length)] as string]) + line.slice(at + 1)
      // Characters that are none are PostgreSQL's to refuse; what is only spaces is no line.
      if (/\\u(d[89a-f]|0000)/i.test(broken) || broken.trim() === '') continue
      const read = await rowsOf(Buffer.from(broken)).then(
        () => true,
        () => false,
      )
      expect([broken, read]).toEqual([broken, isObject(broken)])
      if (!read) refused++
    }
    expect(refused).toBeGreaterThan(500)
  })

  it('of no more bytes than a row may have', async () => {
    const line = (length: number): Buffer =>
      Buffer.from(`{"other": "${'x'.repeat(100_000)}", "a": "${'x'.repeat(length)}"}\n`)
    expect(await rowsOf(line(65536), 1000)).toHaveLength(65536 + '\t\\N'.length * 4 + 1)
    await expect(rowsOf(line(65537), 1000)).rejects.toMatchObject({ code: '54000', context: 'blob, line 1' })
  })

  it('in pieces, however many rows of many columns a few bytes are', async () => {
    const wide = Array.from({ length: 1600 }, (_, i) => ({ name: `c${i}`, shape: TEXT }))
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from('{}\n'.repeat(2000))
    }
    const lengths: number[] = []
    for await (const piece of decodeJsonLines(source(), wide, new MemoryBudget({}), new AbortController().signal))
      lengths.push(piece.length)
    expect(lengths.reduce((sum, length) => sum + length)).toBe(2000 * 1600 * 3)
    expect(Math.max(...lengths)).toBeLessThan(512 * 1024)
  })

  it('before the error of a line behind them', async () => {
    const rows: string[] = []
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from('{"a": 1}\n{"a": 2}\n{"a"')
      throw new Error('lost')
    }
    const reading = async () => {
      const signal = new AbortController().signal
      for await (const row of decodeJsonLines(source(), columns, new MemoryBudget({}), signal))
        rows.push(row.toString())
    }
    await expect(reading()).rejects.toThrow('lost')
    expect(rows.join('')).toBe('1\t\\N\t\\N\t\\N\t\\N\n2\t\\N\t\\N\t\\N\t\\N\n')
  })
})
