import { findEncoding } from '../protocol/encodings.ts'
import type { BlobUrl } from '../storage/blob-url.ts'
import { type CopyOption, isTrue } from './copy-option.ts'
import type { CopyOptions } from './copy-options.ts'

/** A name of blobs that may be a pattern, and what it takes to read them as one. */
export interface FilePattern {
  readonly pattern: string
  /** As it is asked for, perhaps `auto`: of each by its name. */
  readonly compression: string
  readonly lines: LineOptions
}

/** What tells lines from each other: options that PostgreSQL has not judged yet. */
export interface LineOptions {
  readonly header: boolean
  readonly quote: string
  readonly escape: string
  readonly encoding: string
}

export function filePattern(
  { pattern }: BlobUrl,
  { compression, others }: CopyOptions,
  clientEncoding: string,
): FilePattern | undefined {
  if (pattern === undefined) return undefined
  const option = (name: string): CopyOption | undefined => others.find(option => option.name === name)
  const header = option('header')
  const quote = String(option('quote')?.value ?? '"')
  const escaping = String(option('escape')?.value ?? quote)
  const encoding = findEncoding(String(option('encoding')?.value ?? clientEncoding)) ?? clientEncoding
  return {
    pattern,
    compression,
    lines: { header: header !== undefined && isTrue(header.value), quote, escape: escaping, encoding },
  }
}
