import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import type { DevConfig } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import { ACCOUNT_PLACEHOLDER, type StorageEndpoints, trusting } from '../storage/endpoints.ts'
import type { StorageAccount } from './azurite.ts'
import { isRunning } from './lock.ts'
import { SUPERUSER } from './set-up.ts'

/** The servers of a dev stack. */
export interface RunningStack {
  readonly listen: Address
  readonly postgresPort: number
  /** With `{account}`. */
  readonly endpoint: string
  readonly accounts: readonly StorageAccount[]
}

export const DRAIN_TIMEOUT_MS = 2000

const fileIn = (dataDir: string): string => join(dataDir, 'stack.json')
/** What clients of its storage are to trust. */
const certificateIn = (dataDir: string): string => join(dataDir, 'azurite.crt')

/** For other processes of the same user: the keys guard what is in the same folder. */
export async function tellOfStack(dataDir: string, stack: RunningStack): Promise<void> {
  await writeFile(fileIn(dataDir), `${JSON.stringify({ ...stack, pid: process.pid })}\n`, { mode: 0o600 })
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
  { strictAzure, extras, logLevel }: Pick<DevConfig, 'strictAzure' | 'extras' | 'logLevel'>,
): Config {
  return {
    listen,
    backend: backendConfig({ host: '127.0.0.1', port, ...SUPERUSER, password: undefined }),
    storageEndpoints: {
      defaultTemplate: 'https://{account}.blob.core.windows.net',
      accounts: new Map(accounts.map(({ name }) => [name, endpoint.replace(ACCOUNT_PLACEHOLDER, name)])),
      trust: trusting(ca),
    },
    azureCredential: 'emulated',
    strictAzure: strictAzure === true,
    extras: extras === true,
    ownSchema: true,
    logLevel,
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
  }
}

export interface StackStorage extends StorageEndpoints {
  /** The key of an account. */
  secretOf(account: string): string | undefined
}

/** The storage of the stack that runs on this data. */
export async function storageOfRunning(dataDir: string): Promise<StackStorage | undefined> {
  const stack = await runningStack(dataDir)
  if (stack === undefined) return undefined
  const { storageEndpoints } = await configOf(stack, dataDir)
  return { ...storageEndpoints, secretOf: name => stack.accounts.find(each => each.name === name)?.key }
}

/** The configuration of the proxy of the stack that runs on this data. */
export async function configOfRunning(dataDir: string): Promise<Config | undefined> {
  const stack = await runningStack(dataDir)
  return stack && configOf(stack, dataDir)
}

const configOf = async (stack: RunningStack, dataDir: string): Promise<Config> =>
  stackConfig(stack, await readFile(certificateIn(dataDir)), { logLevel: 'silent' })
