import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type DevConfig, readDevConfig } from './config/dev-config.ts'
import { parseSnapshotName } from './config/option-values.ts'
import { startDevStack } from './dev/dev.ts'
import { createTemporaryFolder } from './dev/temporary-folder.ts'
import { createLogger } from './log.ts'

export interface BlobgresOptions {
  /** Storage accounts to have besides `pgquickstart` and `devstoreaccount1`, with the same key; registered. */
  readonly accounts?: readonly string[]
  /** Containers to have in each account. */
  readonly containers?: readonly string[]
  /** A folder: files `<account>/<container>/…` in it become blobs, and `*.sql` run in order, as the admin, when the data is new. */
  readonly seed?: string
  /** Where the proxy listens on 127.0.0.1. Default: 0, a free one. */
  readonly port?: number
  /** Where Azurite listens on 127.0.0.1. Default: 0, a free one. */
  readonly azuritePort?: number
  /** What is kept when the stack stops. Default: nothing is. */
  readonly dataDir?: string
  /** Blobs in memory, and databases too, where the machine has room for files there; nothing waits for a disk. Default: without a `dataDir`. */
  readonly inMemory?: boolean
  /** What is told on standard error. Default: `warn`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
}

/** PostgreSQL, Azurite and the proxy. */
export interface Blobgres {
  /** For any PostgreSQL client, through the proxy: the admin `myadmin`, no superuser, in its database `app`. */
  readonly connectionUri: string
  /** The same for the superuser, in the database `postgres`. */
  readonly superuserUri: string
  /** For any client of Azure Blob Storage: the account `pgquickstart`, or the first of those asked for. */
  readonly storageConnectionString: string
  /** Makes databases, roles and blobs what they were when the data was new. It ends all sessions, as the next two do. */
  reset(): Promise<void>
  /** Keeps databases, roles and blobs as they are under a name, in the place of what had it before. Default: `default`. */
  snapshot(name?: string): Promise<void>
  /** Makes them what they were at that snapshot. */
  restoreSnapshot(name?: string): Promise<void>
  /** Ends the servers, and removes what was not to be kept. */
  stop(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

const DEFAULT_SNAPSHOT = 'default'

/** Starts what `blobgres dev` does; several at a time, in one process too, where each has a `dataDir` of its own or none. */
export async function startBlobgres(options: BlobgresOptions = {}): Promise<Blobgres> {
  const { logLevel = 'warn', inMemory = options.dataDir === undefined } = options
  if (inMemory && options.dataDir !== undefined)
    throw new TypeError('inMemory: nothing is kept, so there is no dataDir')
  const temporary = options.dataDir === undefined ? await createTemporaryFolder(inMemory) : undefined
  const remove = async (): Promise<void> => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
  const config = (): DevConfig => ({
    ...readConfig(options, temporary ?? resolve(options.dataDir as string)),
    inMemory,
  })
  const start = async () => startDevStack(config(), createLogger(logLevel))
  const stack = await start().catch(async error => {
    await remove()
    throw error
  })
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= stack.close().finally(remove)
    return stopping
  }
  stack.stopped.then(stop)
  const { connectionUri, superuserUri, storageConnectionString } = stack.access
  return {
    connectionUri,
    superuserUri,
    storageConnectionString,
    reset: stack.reset,
    snapshot: async (name = DEFAULT_SNAPSHOT) => stack.snapshot(snapshotName(name)),
    restoreSnapshot: async (name = DEFAULT_SNAPSHOT) => stack.restore(snapshotName(name)),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const snapshotName = (value: string): string => parseSnapshotName({ name: 'snapshot', value })

/** @throws ConfigError */
function readConfig(options: BlobgresOptions, dataDir: string): DevConfig {
  const { accounts = [], containers = [], seed, port = 0, azuritePort = 0, logLevel = 'warn' } = options
  return readDevConfig({
    listen: [`127.0.0.1:${port}`],
    'azurite-port': [String(azuritePort)],
    http: ['off'],
    'busy-poll': ['0'], // whoever shares the process has other uses for its event loop
    'data-dir': [dataDir],
    'log-level': [logLevel],
    ...(accounts.length > 0 && { account: accounts }),
    ...(containers.length > 0 && { containers }),
    ...(seed !== undefined && { seed: [seed] }),
  })
}
