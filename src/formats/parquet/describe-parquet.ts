import { tmpdir } from 'node:os'
import { Engine } from './engine.ts'
import type { EngineColumns } from './engine-messages.ts'
import { unreadable } from './parquet-errors.ts'
import { createFile, removeName } from './private-files.ts'

/**
 * The columns of a Parquet file. The file at `path` stays the caller's: a second footer is appended to it.
 * @throws PgError, or the signal's reason
 */
export async function describeParquet(
  path: string,
  signal: AbortSignal,
  tempDir: string = tmpdir(),
): Promise<EngineColumns> {
  // Each job of the engine has a file to write to.
  const unused = await createFile(tempDir)
  const engine = Engine.take()
  const giveUp = (): void => void engine.kill()
  signal.addEventListener('abort', giveUp)
  try {
    await engine.open(path, unused.path)
    return await engine.describe()
  } catch (error) {
    signal.throwIfAborted()
    throw unreadable(error)
  } finally {
    signal.removeEventListener('abort', giveUp)
    await engine.kill()
    removeName(unused.path)
    await unused.handle.close()
  }
}
