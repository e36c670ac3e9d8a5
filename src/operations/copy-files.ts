import type { Transfer } from '../activity/transfer.ts'
import type { FileJoiner } from '../formats/file-joiner.ts'
import type { ResolvedFormat } from '../formats/format.ts'
import type { Pattern } from '../storage/glob.ts'
import { type ReadOptions, readBlob } from '../transfer/read-blob.ts'
import { findFiles, inFile } from './matching-files.ts'
import type { Container } from './open-blob.ts'

/** The blobs that a COPY FROM reads as one. */
export interface FileSearch {
  readonly container: Container
  readonly pattern: Pattern
  /** As it was written. */
  readonly written: string
  readonly maxFiles: number
}

interface BegunFile {
  readonly path: string
  /** Lines of all files before it. */
  readonly before: number
  /** Lines of its own that were not sent. */
  skipped: number
}

/** Their bytes, and where in which of them a line of all is. */
export class CopyFiles {
  readonly #search: FileSearch
  readonly #joiner: FileJoiner
  readonly #transfer: Transfer
  readonly #begun: BegunFile[] = []

  constructor(search: FileSearch, joiner: FileJoiner, transfer: Transfer) {
    this.#transfer = transfer
    this.#search = search
    this.#joiner = joiner
  }

  /** @throws PgError */
  async *read(
    options: Omit<ReadOptions, 'format'>,
    formatOf: (path: string) => ResolvedFormat,
    stages: () => Parameters<typeof readBlob>[2][],
  ): AsyncGenerator<Buffer> {
    const { container, pattern, written, maxFiles } = this.#search
    const { paths, bytes } = await findFiles(container, pattern, written, maxFiles, options.signal)
    this.#transfer.willHave(bytes)
    for (const path of paths) {
      try {
        const blob = this.#transfer.counting(container.blob(path))
        yield* this.#readFile(path, readBlob(blob, { ...options, format: formatOf(path) }, ...stages()))
      } catch (error) {
        throw inFile(error, container.name, path)
      }
      if (this.#joiner.isOver) return
    }
  }

  /** Of a line that COPY has counted. */
  placeOf(line: number): string | undefined {
    const file = this.#begun.findLast(({ before }) => before < line)
    if (file === undefined) return undefined
    return `blob ${this.#search.container.name}/${file.path}, line ${line - file.before + file.skipped}`
  }

  async *#readFile(path: string, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const joiner = this.#joiner
    joiner.beginFile()
    const file = { path, before: joiner.lines, skipped: 0 }
    this.#begun.push(file)
    for await (const chunk of bytes) {
      const sent = joiner.push(chunk)
      file.skipped = joiner.skipped
      yield* sent
      if (joiner.fileEnded || joiner.isOver) break
    }
    yield* joiner.endFile()
  }
}
