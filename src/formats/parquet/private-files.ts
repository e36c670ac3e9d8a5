import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'

/*
 * Files that another process of ours reaches through /proc only: they have lost their name, and so nothing is left behind,
 * however we end.
 */

/** Both ends of a pipe. Whoever reads gets an end of file when all writers have closed. */
export interface Fifo {
  readonly readEnd: number
  readonly writeEnd: number
}

const DISK_FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** What Node calls a pipe is a socket, which no other process can open. These ends do not block. @throws PgError */
export async function createFifo(folder: string): Promise<Fifo> {
  const path = privatePath(folder)
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    try {
      // In this order: a writer that does not block is refused where there is no reader.
      const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        return { readEnd, writeEnd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) }
      } catch (error) {
        closeSync(readEnd)
        throw error
      }
    } finally {
      unlinkSync(path)
    }
  } catch (error) {
    throw cannotCreate(error)
  }
}

export function closeFifo({ readEnd, writeEnd }: Fifo): void {
  closeSync(readEnd)
  closeSync(writeEnd)
}

/** The caller closes it. @throws PgError */
export async function createFile(folder: string): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    const path = privatePath(folder)
    file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } catch (error) {
    await file?.close()
    throw cannotCreate(error)
  }
}

/** Behind what was written before. @throws PgError */
export async function writeFully(file: FileHandle, contents: Uint8Array): Promise<void> {
  await file.writeFile(contents).catch(error => {
    throw cannotCreate(error)
  })
}

const privatePath = (folder: string): string => join(folder, `blobgres-${randomBytes(12).toString('hex')}`)

function cannotCreate(error: unknown): PgError {
  const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string }
  const isFull = DISK_FULL.has(code) || stderr?.includes('No space left') === true
  return new PgError({
    message: `azure_storage: ${isFull ? 'no space is left' : 'there is no place'} for a temporary file`,
    code: isFull ? SQLSTATE.diskFull : SQLSTATE.ioError,
    detail: 'The proxy cannot write to its folder for temporary files.',
    hint: 'The proxy can be given another with --temp-dir.',
    cause: error,
  })
}
