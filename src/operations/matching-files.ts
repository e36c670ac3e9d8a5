import type { Transfer } from '../activity/transfer.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Blob } from '../storage/blob-client.ts'
import { mayBePattern, type Pattern, parsePattern } from '../storage/glob.ts'
import { compareNames, sortNames } from '../storage/name-order.ts'
import { checkBlobPath } from '../storage/names.ts'
import { turns } from '../turns.ts'
import type { BlobAccess, Container } from './open-blob.ts'

/** The session's, as file_settings() tells them where a name may be a pattern. */
export interface FileSettings {
  readonly extras: boolean
  readonly maxFiles: number
}

const DEFAULT_MAX_FILES = 10_000
/** Their names are in memory, as long as the statement runs. */
const MOST_FILES = 100_000
const MOST_NAME_BYTES = 16 * 1024 * 1024

/** Where extras are off, nothing is wrong with the limit. @throws PgError */
export function readFileSettings(told: unknown, config: { readonly extras?: boolean }): FileSettings {
  const { extras: asked, max_files } = (told ?? {}) as Record<string, unknown>
  const extras = asked === true || config.extras === true
  if (!extras) return { extras, maxFiles: 0 }
  const setting = typeof max_files === 'string' && max_files !== '' ? max_files : String(DEFAULT_MAX_FILES)
  const maxFiles = /^ *\d{1,6} *$/.test(setting) ? Number(setting) : 0
  if (maxFiles >= 1 && maxFiles <= MOST_FILES) return { extras, maxFiles }
  throw new PgError({
    message: `invalid value for parameter "blobgres.max_files": "${setting}"`,
    code: SQLSTATE.invalidParameterValue,
    hint: `It is a number from 1 to ${MOST_FILES}.`,
  })
}

/** The blobs that a request is for. */
export interface FilesOfRequest {
  readonly paths: readonly string[]
  readonly isPattern: boolean
  open(path: string): Blob
}

/** Those of a function's request, whose path may be a `pattern`. @throws PgError */
export async function filesOf(
  { config }: BlobAccess,
  container: Container,
  request: { readonly path: string; readonly pattern: string | undefined; readonly files?: unknown },
  transfer: Transfer | undefined,
  signal: AbortSignal,
): Promise<FilesOfRequest> {
  const { path, pattern, files } = request
  const open = (path: string): Blob => transfer?.counting(container.blob(path)) ?? container.blob(path)
  const settings = files === undefined ? undefined : readFileSettings(files, config)
  const name = readName(path, pattern, settings?.extras === true)
  if (typeof name === 'string' || settings === undefined) return { paths: [String(name)], isPattern: false, open }
  const { paths, bytes } = await findFiles(container, name, pattern ?? path, settings.maxFiles, signal)
  transfer?.willHave(bytes)
  return { paths, isPattern: true, open }
}

/** What a name stands for: with extras on it may be a pattern. */
export function readName(path: string, pattern: string | undefined, extras: boolean): string | Pattern {
  if (!extras || pattern === undefined || !mayBePattern(pattern)) return path
  checkBlobPath(pattern)
  return parsePattern(pattern)
}

/** Names, and how many bytes all have together. */
interface FoundFiles {
  readonly paths: readonly string[]
  readonly bytes: number
}

/** The names that match, in the order of their bytes. @throws PgError where there are none, or too many. */
export async function findFiles(
  container: Container,
  pattern: Pattern,
  written: string,
  maxFiles: number,
  signal: AbortSignal,
): Promise<FoundFiles> {
  const found: string[] = []
  const pause = turns(signal)
  let bytes = 0
  let nameBytes = 0
  let inOrder = true
  try {
    for await (const page of container.list(pattern.prefix, signal)) {
      for (const { path, bytes: size } of page) {
        await pause()
        if (!pattern.matches(path)) continue
        if (found.length === maxFiles) throw tooMany(container, written, maxFiles)
        nameBytes += Buffer.byteLength(path)
        if (nameBytes > MOST_NAME_BYTES) throw tooLong(container, written)
        // The service's own order is another, for what is beyond ASCII.
        inOrder &&= compareNames(found.at(-1) ?? '', path) <= 0
        found.push(path)
        bytes += size
      }
    }
    if (found.length === 0) throw none(container, written)
    return { paths: inOrder ? found : await sortNames(found, pause), bytes }
  } catch (error) {
    throw signal.aborted ? signal.reason : withHint(error)
  }
}

function none({ name }: Container, pattern: string): PgError {
  return new PgError({
    message: 'azure_storage: blob with the given name does not exist',
    code: SQLSTATE.undefinedFile,
    detail: `No blob of container "${name}" matches the pattern "${pattern}".`,
  })
}

function tooMany({ name }: Container, pattern: string, maxFiles: number): PgError {
  return new PgError({
    message: `azure_storage: more than ${maxFiles} blobs match the pattern`,
    code: SQLSTATE.programLimitExceeded,
    detail: `The pattern is "${pattern}", in container "${name}".`,
    hint: 'The setting blobgres.max_files is the limit.',
  })
}

function tooLong({ name }: Container, pattern: string): PgError {
  return new PgError({
    message: 'azure_storage: the names of the blobs that match the pattern are too long',
    code: SQLSTATE.programLimitExceeded,
    detail: `The pattern is "${pattern}", in container "${name}"; the names have more than ${MOST_NAME_BYTES} bytes together.`,
  })
}

/** Who may read a blob by its name need not have the right to list. */
function withHint(error: unknown): unknown {
  if (!(error instanceof PgError) || error.code !== SQLSTATE.insufficientPrivilege) return error
  const { message, code, detail, context, cause } = error
  const hint =
    error.hint ??
    'A pattern needs the right to list the blobs of the container; of a shared access signature, permission l.'
  return new PgError({ message, code, detail, hint, context, cause })
}

/** With the blob that it came in. */
export function inFile(error: unknown, container: string, path: string): unknown {
  if (!(error instanceof PgError)) return error
  const { message, code, detail, hint, cause } = error
  const blob = `blob ${container}/${path}`
  const context = error.context?.startsWith('blob, ')
    ? blob + error.context.slice('blob'.length)
    : [error.context, blob].flatMap(line => line ?? []).join('\n')
  return new PgError({ message, code, detail, hint, cause, context })
}
