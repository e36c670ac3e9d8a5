import { Transform, type TransformCallback } from 'node:stream'
import { createGunzip, createGzip, type Gunzip } from 'node:zlib'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Large enough that the hop to zlib's thread and back is paid seldom. */
const CHUNK_BYTES = 256 * 1024

export function compressGzip(): Transform {
  return createGzip({ chunkSize: CHUNK_BYTES })
}

/**
 * Decompresses all members of a gzip file, and passes over zero bytes behind each. What is not gzip, or ends early, fails
 * with a PgError.
 */
export function decompressGzip(): Transform {
  return new GzipDecoder()
}

/** zlib reads members that follow each other, and ends at a zero byte: a new one begins behind the zeros. */
class GzipDecoder extends Transform {
  #members: Gunzip | undefined
  #inPadding = false
  /** Bytes that #members was given. */
  #given = 0
  #onError: (error: Error) => void = () => {}

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#decode(chunk).then(
      () => callback(),
      error => callback(toPgError(error)),
    )
  }

  override _flush(callback: TransformCallback): void {
    if (this.#members === undefined) {
      callback(this.#inPadding ? null : truncated())
      return
    }
    this.#onError = error => callback(toPgError(error))
    this.#members.once('end', () => callback()).end()
  }

  override _read(size: number): void {
    this.#members?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#members?.destroy()
    callback(error)
  }

  async #decode(chunk: Buffer): Promise<void> {
    let rest = chunk
    for (;;) {
      if (this.#inPadding) rest = withoutZeros(rest)
      if (rest.length === 0) return
      this.#inPadding = false
      this.#members ??= this.#begin()
      rest = await this.#feed(this.#members, rest)
      if (rest.length === 0) return
      this.#members = undefined
      this.#inPadding = true
    }
  }

  #begin(): Gunzip {
    const members = createGunzip({ chunkSize: CHUNK_BYTES })
    members.on('data', (bytes: Buffer) => this.push(bytes) || members.pause())
    members.on('error', error => this.#onError(error))
    this.#given = 0
    return members
  }

  /** @returns what it did not take: that begins with a zero byte */
  #feed(members: Gunzip, bytes: Buffer): Promise<Buffer> {
    this.#given += bytes.length
    return new Promise((resolve, reject) => {
      const onEnd = (): void => resolve(bytes.subarray(bytes.length - (this.#given - members.bytesWritten)))
      this.#onError = reject
      members.once('end', onEnd)
      members.write(bytes, () => {
        members.off('end', onEnd)
        resolve(bytes.subarray(bytes.length))
      })
    })
  }
}

function withoutZeros(bytes: Buffer): Buffer {
  const start = bytes.findIndex(byte => byte !== 0)
  return bytes.subarray(start < 0 ? bytes.length : start)
}

function toPgError(error: Error & { code?: string }): Error {
  if (error.code === 'Z_BUF_ERROR') return truncated()
  if (error.code === 'Z_DATA_ERROR') return badFile('azure_storage: the blob is not valid gzip data', error.message)
  return error
}

function truncated(): PgError {
  return badFile('azure_storage: the blob is truncated', 'The gzip data ends early.')
}

function badFile(message: string, detail: string): PgError {
  return new PgError({ message, code: SQLSTATE.badCopyFileFormat, detail })
}
