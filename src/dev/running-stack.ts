import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import type { DevConfig } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import { ACCOUNT_PLACEHOLDER, type StorageEndpoints, trusting } from '../storage/endpoints.ts'
import { isRunning } from './lock.ts'
import { SAMPLE_ACCOUNT } from './samples.ts'
import { SUPERUSER } from './set-up.ts'

/** The servers of a dev stack. */
export interface RunningStack {
  readonly listen: Address
  readonly postgresPort: number
  /** With `{account}`. */
  readonly endpoint: string
  readonly accounts: readonly string[]
}

export const DRAIN_TIMEOUT_MS = 2000

const fileIn = (dataDir: string): string => join(dataDir, 'stack.json')
/** What clients of its storage are to trust. */
const certificateIn = (dataDir: string): string => join(dataDir, 'azurite.crt')

/** For `runningStack` of other processes. */
export async function tellOfStack(dataDir: string, stack: RunningStack): Promise<void> {
  await writeFile(fileIn(dataDir), `${JSON.stringify({ ...stack, pid: process.pid })}\n`)
}

/** Undefined where no stack runs on this data. */
async function runningStack(dataDir: string): Promise<RunningStack | undefined> {
  const lock = join(dataDir, 'lock')
  if (!(await isRunning(lock))) return undefined
  const [text, pid] = await Promise.all([fileIn(dataDir), lock].map(file => readFile(file, 'utf8').catch(() => '')))
  if (!text) return undefined
  const { pid: owner, ...stack } = JSON.parse(text) as RunningStack & { readonly pid: number }
  // One that starts has not told of itself yet.
  return owner === Number(pid) ? stack : undefined
}

/** The configuration of a stack's proxy. @param ca of Azurite */
export function stackConfig(
  { listen, postgresPort: port, endpoint, accounts }: RunningStack,
  ca: Buffer,
  { strictAzure, logLevel }: Pick<DevConfig, 'strictAzure' | 'logLevel'>,
): Config {
  return {
    listen,
    backend: backendConfig({ host: '127.0.0.1', port, ...SUPERUSER, password: undefined }),
    storageEndpoints: {
      defaultTemplate: 'https://{account}.blob.core.windows.net',
      accounts: new Map(accounts.map(name => [name, endpoint.replace(ACCOUNT_PLACEHOLDER, name)])),
      trust: trusting(ca),
    },
    azureCredential: 'emulated',
    strictAzure: strictAzure === true,
    logLevel,
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
  }
}

export interface StackStorage extends StorageEndpoints {
  /** All of its accounts have one key. */
  secretOf(account: string): string | undefined
}

/** The storage of the stack that runs on this data. */
export async function storageOfRunning(dataDir: string): Promise<StackStorage | undefined> {
  const config = await configOfRunning(dataDir)
  if (config === undefined) return undefined
  const { accounts } = config.storageEndpoints
  return { ...config.storageEndpoints, secretOf: name => (accounts.has(name) ? SAMPLE_ACCOUNT.key : undefined) }
}

/** The configuration of the proxy of the stack that runs on this data. */
export async function configOfRunning(dataDir: string): Promise<Config | undefined> {
  const stack = await runningStack(dataDir)
  if (stack === undefined) return undefined
  return stackConfig(stack, await readFile(certificateIn(dataDir)), { logLevel: 'silent' })
}
