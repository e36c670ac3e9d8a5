import type { DevConfig } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import { readScripts } from '../extension/scripts.ts'
import type { StorageAccount } from './azurite.ts'
import { SAMPLE_ACCOUNT, uploadSamples } from './samples.ts'
import { makeContainers, runSeed, seedAccounts, uploadSeed } from './seed.ts'
import { setUp } from './set-up.ts'

/** Azurite's usual account, for the tools that expect it. */
const AZURITE_ACCOUNT = 'devstoreaccount1'

/** The samples' first. */
export async function accountsOf({ accounts, accountKey, seed }: DevConfig): Promise<StorageAccount[]> {
  const seeded = seed === undefined ? [] : await seedAccounts(seed)
  const names = new Set([SAMPLE_ACCOUNT.name, AZURITE_ACCOUNT, ...accounts, ...seeded])
  const key = (name: string) => (accounts.includes(name) && accountKey) || SAMPLE_ACCOUNT.key
  return [...names].map(name => ({ name, key: key(name) }))
}

/** What a stack has in place for its user. */
export class Contents {
  readonly #config: DevConfig
  /** Azurite's URL. */
  readonly #storage: string
  readonly #accounts: readonly StorageAccount[]

  constructor(config: DevConfig, storage: string, accounts: readonly StorageAccount[]) {
    this.#config = config
    this.#storage = storage
    this.#accounts = accounts
  }

  /** For comparing: of databases and blobs that were filled otherwise, something is missing, or old. */
  async describe(): Promise<string> {
    const { version } = await readScripts()
    return JSON.stringify([version, this.#accounts.map(({ name }) => name), this.#config.containers])
  }

  async fillStorage(isFirst: boolean): Promise<void> {
    const [samples = SAMPLE_ACCOUNT] = this.#accounts
    await uploadSamples(`${this.#storage}/${samples.name}`, samples)
    await makeContainers(this.#config.containers, this.#storage, this.#accounts)
    const { seed } = this.#config
    if (isFirst && seed !== undefined) await uploadSeed(seed, this.#storage, this.#accounts)
  }

  fillDatabases(proxy: Address): Promise<void> {
    return setUp(proxy, this.#config.admin, this.#accounts)
  }

  /** Whatever is missing. */
  async complete(proxy: Address): Promise<void> {
    await this.fillStorage(false)
    await this.fillDatabases(proxy)
  }

  async runSeed(proxy: Address): Promise<void> {
    if (this.#config.seed !== undefined) await runSeed(this.#config.seed, proxy, this.#config.admin)
  }

  /** Blobs and SQL of a seed folder, without one the configured one, once more. */
  async seedAgain(proxy: Address, dir = this.#config.seed): Promise<void> {
    if (dir === undefined) throw new Error('this stack has no seed folder: say which with --seed')
    await uploadSeed(dir, this.#storage, this.#accounts)
    await runSeed(dir, proxy, this.#config.admin)
  }
}
