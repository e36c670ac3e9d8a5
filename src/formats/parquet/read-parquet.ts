import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { Engine } from './engine.ts'
import type { EngineColumn } from './engine-messages.ts'
import { columnCountDiffers, columnNotMatched, unreadable } from './parquet-errors.ts'
import { closeFifo, createFifo, removeName } from './private-files.ts'
import type { ParquetColumn } from './shape.ts'
import { columnAt, literal, MACROS } from './sql-text.ts'
import { copyTextOf } from './text-of-value.ts'
import { VALUE_MACROS } from './value-macros.ts'

/** A file that comes part by part. */
export interface ParquetSource {
  /** What is there: at first the footer, then a part, its bytes where they are in the file. */
  readonly path: string
  /** Tells where the parts end. */
  cut(ends: readonly number[]): void
  /** Waits until the next part is there, in place of the one before. False: there is none. */
  next(): Promise<boolean>
}

/**
 * The rows of a Parquet file in COPY's text format, in UTF-8: row N is line N. Columns go by position; with `isMatched`, they
 * must have the names of the file's.
 * A file that is given by its path stays the caller's: footers are appended to it. @throws PgError, or the signal's reason
 */
export async function* readParquet(
  from: string | ParquetSource,
  columns: readonly ParquetColumn[],
  signal: AbortSignal,
  tempDir: string = tmpdir(),
  isMatched = false,
): AsyncGenerator<Buffer> {
  const file = typeof from === 'string' ? wholeFile(from) : from
  const fifo = await createFifo(tempDir)
  if (signal.aborted) {
    closeFifo(fifo)
    throw signal.reason
  }
  const rows = new Socket({ fd: fifo.readEnd, readable: true, writable: false })
  const engine = Engine.take()
  let released = false
  // In case that nobody asks for rows any more.
  const abort = (): void => {
    rows.destroy()
    removeName(fifo.path)
    if (!released) void engine.kill()
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    const { source, target } = await engine.open(file.path, fifo.path).finally(() => closeSync(fifo.writeEnd))
    const found = await engine.describe()
    if (found.count !== columns.length) throw columnCountDiffers(found, columns)
    if (isMatched) checkNames(found.columns, columns)
    const statement = copyStatement(source, found.columns, columns, target)
    file.cut(found.ends)
    const done = readParts(engine, file, statement)
    // Either closes the pipe's other end; until then more may come.
    const closed = done.then(
      () => {
        released = true
        return engine.release()
      },
      () => engine.kill(),
    )
    yield* rows as AsyncIterable<Buffer>
    await done
    await closed
  } catch (error) {
    signal.throwIfAborted()
    throw unreadable(error)
  } finally {
    signal.removeEventListener('abort', abort)
    rows.destroy()
    removeName(fifo.path)
    if (!released) await engine.kill()
  }
}

async function readParts(engine: Engine, file: ParquetSource, statement: string): Promise<void> {
  await engine.run(MACROS + VALUE_MACROS)
  for (let part = 0; await file.next(); part++) {
    await engine.use(part)
    await engine.run(statement)
  }
}

function wholeFile(path: string): ParquetSource {
  let parts = 0
  return {
    path,
    cut(ends) {
      parts = ends.length
    },
    next: async () => parts-- > 0,
  }
}

/** They were when the file was looked at: it has been replaced, or PostgreSQL has cut one short. @throws PgError */
function checkNames(found: readonly EngineColumn[], columns: readonly ParquetColumn[]): void {
  const other = found.find(({ name }, i) => name !== columns[i]?.name)
  if (other !== undefined) throw columnNotMatched(other.name)
}

function copyStatement(
  source: string,
  found: readonly EngineColumn[],
  columns: readonly ParquetColumn[],
  target: string,
): string {
  const names = columns.map((_, i) => columnAt(i))
  const values = columns.map(({ shape }, i) => copyTextOf(columnAt(i), (found[i] as EngineColumn).type, shape))
  return `COPY (SELECT ${values.join(', ')} FROM read_parquet(${literal(source)}) AS t(${names.join(', ')})) TO ${literal(target)}
    (FORMAT csv, HEADER false, DELIMITER '\t', QUOTE '', ESCAPE '', NULLSTR '\\N', USE_TMP_FILE false)`
}
