import { randomBytes } from 'node:crypto'
import { closeSync, constants, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { privateFolder } from './private-folder.ts'
import { takePipe } from './spare-pipes.ts'

/** Both ends of a pipe. Whoever reads gets an end of file when all writers have closed. */
export interface Fifo {
  readonly path: string
  readonly readEnd: number
  readonly writeEnd: number
}

/** Its name is the caller's to remove. */
export interface PrivateFile {
  readonly path: string
  readonly handle: FileHandle
}

const DISK_FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/**
 * What Node calls a pipe is a socket, which no other process can open. These ends do not block; the name is the caller's
 * to remove when the other process has opened it. @throws PgError
 */
export async function createFifo(folder: string): Promise<Fifo> {
  const path = await createFifoName(folder)
  try {
    return openFifo(path)
  } catch (error) {
    removeName(path)
    throw error
  }
}

/** A pipe that nobody has open. @throws PgError */
export async function createFifoName(tempDir: string): Promise<string> {
  try {
    const folder = await privateFolder(tempDir)
    const path = pathIn(folder)
    await takePipe(folder, path)
    return path
  } catch (error) {
    throw cannotWrite(error)
  }
}

/** @throws PgError */
export function openFifo(path: string): Fifo {
  try {
    // In this order: a writer that does not block is refused where there is no reader.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return { path, readEnd, writeEnd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) }
    } catch (error) {
      closeSync(readEnd)
      throw error
    }
  } catch (error) {
    throw cannotWrite(error)
  }
}

export function closeFifo({ path, readEnd, writeEnd }: Fifo): void {
  removeName(path)
  closeSync(readEnd)
  closeSync(writeEnd)
}

/** The caller closes it, and removes its name. @throws PgError */
export async function createFile(folder: string, what?: string): Promise<PrivateFile> {
  try {
    const path = pathIn(await privateFolder(folder))
    return { path, handle: await open(path, 'wx+', 0o600) }
  } catch (error) {
    throw cannotWrite(error, what)
  }
}

export function removeName(path: string): void {
  rmSync(path, { force: true })
}

/** Behind what was written before. @throws PgError */
export async function writeFully(file: FileHandle, contents: Uint8Array): Promise<void> {
  await file.writeFile(contents).catch(error => {
    throw cannotWrite(error)
  })
}

const pathIn = (folder: string): string => join(folder, randomBytes(12).toString('hex'))

/** Whoever opens `path` finds what is called `existing`, or an empty file, from now on, and till then what was there. @throws PgError */
export function placeAt(path: string, existing?: string): void {
  const unplaced = `${path}-next`
  try {
    if (existing === undefined) writeFileSync(unplaced, '', { flag: 'wx', mode: 0o600 })
    else linkSync(existing, unplaced)
    renameSync(unplaced, path)
  } catch (error) {
    throw cannotWrite(error)
  }
}

/** The error for a place that cannot be written to. */
export function cannotWrite(error: unknown, what = 'temporary file'): PgError {
  const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string }
  const isFull = DISK_FULL.has(code) || stderr?.includes('No space left') === true
  const reason = typeof code === 'string' ? ` (${code})` : ''
  return new PgError({
    message: `azure_storage: ${isFull ? 'no space is left' : 'there is no place'} for a ${what}`,
    code: isFull ? SQLSTATE.diskFull : SQLSTATE.ioError,
    detail: `The proxy cannot write to its folder for temporary files${reason}.`,
    hint: 'The proxy can be given another with --temp-dir.',
    cause: error,
  })
}
