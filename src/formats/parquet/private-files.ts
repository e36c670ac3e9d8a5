import { execFile } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/*
 * Files of ours that other processes reach through /proc only: they have no name any more, and so nothing is left behind,
 * however we end.
 */

/** Both ends of a pipe. Whoever reads gets an end of file when all writers have closed. */
export interface Fifo {
  readonly readEnd: number
  readonly writeEnd: number
}

/** What Node calls a pipe is a socket, which another process cannot open. The ends do not block. */
export async function createFifo(): Promise<Fifo> {
  return withPrivateFolder(async folder => {
    const path = join(folder, 'fifo')
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    // In this order: a writer that does not block is refused where there is no reader.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return { readEnd, writeEnd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) }
    } catch (error) {
      closeSync(readEnd)
      throw error
    }
  })
}

/** The caller closes it. */
export function createFile(contents: readonly Uint8Array[]): Promise<FileHandle> {
  return withPrivateFolder(async folder => {
    const file = await open(join(folder, 'file'), 'wx+', 0o600)
    try {
      await file.writev(contents)
      return file
    } catch (error) {
      await file.close()
      throw error
    }
  })
}

async function withPrivateFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
