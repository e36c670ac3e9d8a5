import type { MemoryBudget } from '../../memory-budget.ts'
import { PgError } from '../../protocol/pg-error.ts'
import { turns } from '../../turns.ts'
import type { ParquetColumn } from '../parquet/shape.ts'
import { JsonRows } from './json-rows.ts'
import { JsonError, JsonScanner } from './json-scanner.ts'

/** Of a row that has begun, before it counts as a large one. */
const SMALL_BYTES = 128 * 1024
/** Of a large row: what has come of it, with the smaller buffer that it was in before, and the row that is made of it. */
const COPIES_OF_ROW = 4
/** What one push may take, of bytes and of the columns that a few of them may be a row of. */
const PIECE_STEPS = 256 * 1024
/** Rows are handed on when they have as many bytes, or nothing follows for now. */
const TAKEN_BYTES = 64 * 1024

/**
 * JSON Lines, in UTF-8 → rows of COPY's text format: row N is line N. Those before a line that is wrong come before its
 * error. @throws PgError
 */
export async function* decodeJsonLines(
  source: AsyncIterable<Buffer>,
  columns: readonly ParquetColumn[],
  budget: MemoryBudget,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const rows = new JsonRows(columns, budget.maxRowBytes)
  const scanner = new JsonScanner(rows)
  const memory = budget.open(signal)
  const pieceBytes = Math.max(64, Math.floor(PIECE_STEPS / (4 + columns.length)))
  const pause = turns(signal)
  const take = function* (): Generator<Buffer> {
    const taken = rows.take()
    if (taken.length > 0) yield taken
  }
  const read = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      throw atLine(error, scanner.line)
    }
  }
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const begun = rows.begunBytes
        await memory.hold(begun > SMALL_BYTES ? COPIES_OF_ROW * (begun + pieceBytes) : 0)
        read(() => scanner.push(chunk.subarray(at, at + pieceBytes)))
        if (rows.readyBytes >= TAKEN_BYTES) yield* take()
        await pause()
      }
      yield* take()
    }
    read(() => scanner.end())
    yield* take()
  } catch (error) {
    yield* take()
    throw error
  } finally {
    memory.end()
  }
}

/** In PostgreSQL's words. */
function atLine(error: unknown, line: number): unknown {
  const context = `blob, line ${line}`
  if (error instanceof JsonError) {
    const { code, message: detail } = error
    return new PgError({ message: 'invalid input syntax for type json', code, detail, context })
  }
  if (!(error instanceof PgError)) return error
  const { message, code, hint } = error
  return new PgError({ message, code, hint, context })
}
