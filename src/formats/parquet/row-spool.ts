import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import { createFile, type PrivateFile, removeName, writeFully } from './private-files.ts'

const DEFAULT_LIMIT_BYTES = 32 * 1024 ** 3

/** Rows that an engine is to read when all are there: a file that is gone when it is closed. */
export class RowSpool {
  readonly #file: PrivateFile
  readonly #limitBytes: number
  #bytes = 0
  #closed: Promise<void> | undefined

  private constructor(file: PrivateFile, limitBytes: number) {
    this.#file = file
    this.#limitBytes = limitBytes
  }

  /** `limitBytes`: 0 for none. @throws PgError */
  static async create(folder: string, limitBytes = DEFAULT_LIMIT_BYTES): Promise<RowSpool> {
    return new RowSpool(await createFile(folder), limitBytes)
  }

  get path(): string {
    return this.#file.path
  }

  /** @throws PgError */
  async write(rows: Buffer): Promise<void> {
    this.#bytes += rows.length
    if (this.#limitBytes > 0 && this.#bytes > this.#limitBytes) throw tooLarge(this.#limitBytes)
    await writeFully(this.#file.handle, rows)
  }

  close(): Promise<void> {
    removeName(this.#file.path)
    this.#closed ??= this.#file.handle.close()
    return this.#closed
  }
}

function tooLarge(limit: number): PgError {
  return new PgError({
    message: 'azure_storage: the rows are too large for a temporary file',
    code: SQLSTATE.configurationLimitExceeded,
    detail: `A statement that writes several Parquet files at a time keeps rows in such files; the limit is ${limit} bytes.`,
    hint: 'Raise the limit of the proxy with --parquet-spool-limit.',
  })
}
