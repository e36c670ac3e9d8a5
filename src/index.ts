import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readDevConfig } from './config/dev-config.ts'
import { startDevStack } from './dev/dev.ts'
import { SAMPLE_ACCOUNT } from './dev/samples.ts'
import { createLogger } from './log.ts'

export interface BlobgresOptions {
  /** Storage accounts that Azurite is to have besides `pgquickstart` and `devstoreaccount1`, with the same key. */
  readonly accounts?: readonly string[]
  /** Where the proxy listens on 127.0.0.1. Default: 0, a free one. */
  readonly port?: number
  /** Where Azurite listens on 127.0.0.1. Default: 0, a free one. */
  readonly azuritePort?: number
  /** What is kept when the stack stops. Default: nothing is. */
  readonly dataDir?: string
  /** What is told on standard error. Default: `warn`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
}

/** PostgreSQL, Azurite and the proxy. */
export interface Blobgres {
  /** For any PostgreSQL client: the superuser, through the proxy. */
  readonly connectionUri: string
  /** For any client of Azure Blob Storage: the account `pgquickstart`, or the first of those asked for. */
  readonly storageConnectionString: string
  /** Ends the servers, and removes what was not to be kept. */
  stop(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts what `blobgres dev` does; several at a time, in one process too, where each has a `dataDir` of its own or none. */
export async function startBlobgres(options: BlobgresOptions = {}): Promise<Blobgres> {
  const { accounts = [], port = 0, azuritePort = 0, logLevel = 'warn' } = options
  const temporary = options.dataDir === undefined ? await createFolder() : undefined
  const dataDir = temporary ?? resolve(options.dataDir as string)
  const remove = async (): Promise<void> => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
  const flags = {
    listen: [`127.0.0.1:${port}`],
    'azurite-port': [String(azuritePort)],
    'data-dir': [dataDir],
    'log-level': [logLevel],
    ...(accounts.length > 0 && { account: accounts }),
  }
  const stack = await startDevStack(readDevConfig(flags), createLogger(logLevel)).catch(async error => {
    await remove()
    throw error
  })
  // Whoever uses it sees a server that has gone, and stop() ends both.
  stack.failure.catch(() => {})
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= stack.close().finally(remove)
    return stopping
  }
  const { listen, storage } = stack
  const { name, key } = { ...SAMPLE_ACCOUNT, ...(accounts[0] !== undefined && { name: accounts[0] }) }
  return {
    connectionUri: `postgres://postgres@${listen.host}:${listen.port}/postgres`,
    storageConnectionString:
      `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};` +
      `BlobEndpoint=http://${storage.host}:${storage.port}/${name};`,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The OS user of PostgreSQL may have to pass through it. */
async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blobgres-'))
  await chmod(folder, 0o711)
  return folder
}
