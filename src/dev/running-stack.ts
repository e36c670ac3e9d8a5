import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backendConfig } from '../config/backend-url.ts'
import type { Config } from '../config/config.ts'
import type { Address } from '../config/values.ts'
import { trusting } from '../storage/endpoints.ts'
import type { StorageAccount } from './azurite.ts'
import { askStack } from './control.ts'

/** What a stack tells of its servers, as JSON: to commands of the same user alone. */
interface ServersTold {
  readonly listen: Address
  readonly backend: { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  readonly defaultTemplate?: string | undefined
  readonly endpoints: readonly (readonly [account: string, url: string])[]
  readonly accounts: readonly StorageAccount[]
}

export const SERVERS = 'servers'

/** @param config of its proxy, which listens there */
export function tellServers(config: Config, listen: Address, accounts: readonly StorageAccount[]): ServersTold {
  const { host, port, user, database } = config.backend
  const { defaultTemplate, accounts: endpoints } = config.storageEndpoints
  return { listen, backend: { host, port, user, database }, defaultTemplate, endpoints: [...endpoints], accounts }
}

export interface RunningStack {
  /** As that of its proxy. */
  readonly config: Config
  secretOf(account: string): string | undefined
}

/** The stack that runs on this data; undefined where none does. */
export async function runningStack(dataDir: string): Promise<RunningStack | undefined> {
  const told = (await askStack(dataDir, SERVERS)) as ServersTold | undefined
  if (told === undefined) return undefined
  const { listen, backend, defaultTemplate, endpoints, accounts } = told
  const trust = trusting(await readFile(join(dataDir, 'azurite.crt')))
  const config: Config = {
    listen,
    backend: backendConfig({ ...backend, password: undefined }),
    storageEndpoints: { defaultTemplate, accounts: new Map(endpoints), trust },
    azureCredential: 'emulated',
    logLevel: 'silent',
    drainTimeoutMs: 0,
  }
  return { config, secretOf: name => accounts.find(each => each.name === name)?.key }
}
