import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'

/**
 * The SQL that makes the extension in a database. Migrations run once each. Functions and views are made anew at every
 * update, by CREATE OR REPLACE and in the order they need. In azure_storage_private the installer drops them before, so
 * there they may change their shape or go away without a migration; but not in azure_storage, where views and functions
 * of users depend on them: a change of a name, an argument or a result there needs a migration.
 */
export interface Scripts {
  readonly migrations: readonly Migration[]
  readonly functions: string
  /** The same for the schema blobgres, which not every database has. */
  readonly extras: string
  readonly version: SchemaVersion
}

export interface Migration {
  readonly number: number
  readonly text: string
}

/** Ours, beside the `extversion` that is Microsoft's. A database keeps it as the comment of azure_storage_private. */
export interface SchemaVersion {
  /** That of the last migration. A release that changes the functions alone has a migration too, if an empty one. */
  readonly number: number
  /** A digest of all the rest, so that no build takes the functions of another for its own. */
  readonly functions: string
}

const FUNCTION_SCRIPTS = [
  'settings.sql',
  'sealing.sql',
  'accounts.sql',
  'options.sql',
  'parquet.sql',
  'copy.sql',
  'loopback.sql',
  'blob-list.sql',
  'blob-get.sql',
  'blob-get-errors.sql',
  'blob-put.sql',
  'accelerate.sql',
  'statement.sql',
  'copy-skip.sql',
]
const EXTRA_SCRIPTS = ['extras.sql']
const MIGRATION_NAME = /^(\d{3})-[a-z-]+[.]sql$/
const DIGEST_LENGTH = 16

let scripts: Promise<Scripts> | undefined

export function readScripts(): Promise<Scripts> {
  scripts ??= read()
  return scripts
}

/** A file beside this one. */
export function readScript(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8')
}

export const formatVersion = ({ number, functions }: SchemaVersion): string =>
  `blobgres schema ${number}, functions ${functions}`

/** What a database of ours says that it holds; the versions before there were any say nothing, and hold the first schema. */
export function parseVersion(comment: string | null): SchemaVersion {
  const [, number = '1', functions = ''] =
    /^blobgres schema (\d{1,9}), functions ([0-9a-f]+)$/.exec(comment ?? '') ?? []
  return { number: Number(number), functions }
}

async function read(): Promise<Scripts> {
  const names = (await readdir(new URL('migrations/', import.meta.url)))
    .filter(name => MIGRATION_NAME.test(name))
    .sort()
  const migrations = await Promise.all(
    names.map(async (name, index) => {
      const number = Number(MIGRATION_NAME.exec(name)?.[1])
      if (number !== index + 1) throw new Error(`migration ${name} is out of order`)
      return { number, text: await readScript(`migrations/${name}`) }
    }),
  )
  const [functions, extras] = (await Promise.all([FUNCTION_SCRIPTS, EXTRA_SCRIPTS].map(join))) as [string, string]
  const digest = createHash('sha256').update(functions).update(extras).digest('hex').slice(0, DIGEST_LENGTH)
  return { migrations, functions, extras, version: { number: migrations.length, functions: digest } }
}

async function join(scripts: readonly string[]): Promise<string> {
  return (await Promise.all(scripts.map(readScript))).join('\n')
}
