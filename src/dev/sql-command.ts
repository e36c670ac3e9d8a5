import { resolve } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { type Environment, type Flags, readOptions } from '../config/read-options.ts'
import { ConfigError } from '../config/values.ts'
import { runSql } from '../console/run-sql.ts'
import { askStack } from './control.ts'

/** `blobgres sql`. A stack that runs here comes before `DATABASE_URL`, which may be about anything. */
export async function sqlCommand(
  text: string | undefined,
  flags: Flags,
  ...environments: readonly Environment[]
): Promise<number> {
  const { url, dataDir } = readOptions('sql', flags, ...environments)
  const folder = resolve(dataDir)
  const target = url ?? (await stackUri(folder)) ?? environments.map(env => env.DATABASE_URL).find(Boolean)
  if (target === undefined) {
    throw new Error(`no stack runs on ${folder}: start blobgres dev, or say where with --url or DATABASE_URL`)
  }
  if (text === undefined && process.stdin.isTTY) {
    throw new ConfigError('sql: no statement given, neither in quotes nor on standard input')
  }
  process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1))
  const statements = text ?? (await readText(process.stdin))
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort()) // a second one ends the process
  return (await runSql(target, statements, process, interrupted.signal)) ? 0 : 1
}

async function stackUri(dataDir: string): Promise<string | undefined> {
  const status = (await askStack(dataDir, 'status')) as { readonly connectionUri: string } | undefined
  return status?.connectionUri
}
