import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { DatabaseError } from 'pg'
import type { Admin } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import { isAccountName, isContainerName } from '../storage/names.ts'
import type { StorageAccount } from './azurite.ts'
import { headersOf } from './samples.ts'
import { loginOf, withClient } from './set-up.ts'

/** The accounts that a seed folder has folders for. */
export async function seedAccounts(dir: string): Promise<string[]> {
  const folders = (await entries(dir)).filter(({ isFolder }) => isFolder).map(({ name }) => name)
  const other = folders.find(name => !isAccountName(name))
  if (other === undefined) return folders
  throw new Error(`${join(dir, other)} is not named like a storage account, which a folder of a seed stands for`)
}

/** Makes blobs of the files `<account>/<container>/…`, in the place of those that are there; `storage` is Azurite's URL. */
export async function uploadSeed(dir: string, storage: string, accounts: readonly StorageAccount[]): Promise<void> {
  for (const name of await seedAccounts(dir)) {
    const account = accounts.find(each => each.name === name)
    if (account === undefined) {
      throw new Error(`there is no account for ${join(dir, name)}: start blobgres dev with --account ${name}`)
    }
    const service = serviceOf(storage, account)
    for (const container of await entries(join(dir, name))) {
      if (!container.isFolder) throw new Error(`${container.path} is in no container's folder`)
      if (!isContainerName(container.name)) throw new Error(`${container.path} is not named like a container`)
      const client = service.getContainerClient(container.name)
      await client.createIfNotExists()
      for await (const [path, blob] of filesIn(container.path, '')) {
        await client.getBlockBlobClient(blob).uploadFile(path, { blobHTTPHeaders: headersOf(blob) })
      }
    }
  }
}

/** Runs `*.sql` in the order of their names, each as a whole or not at all, as the admin in its database. */
export async function runSeed(dir: string, proxy: Address, admin: Admin): Promise<void> {
  const scripts = (await entries(dir)).filter(({ isFolder, name }) => !isFolder && name.endsWith('.sql'))
  await withClient({ ...proxy, ...loginOf(admin), options: '' }, async client => {
    for (const { path } of scripts) {
      const text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '')
      await client.query(text).catch((error: DatabaseError) => {
        const before = error.position === undefined ? undefined : Array.from(text).slice(0, Number(error.position))
        const line = before === undefined ? '' : `, line ${before.filter(each => each === '\n').length + 1}`
        throw new Error(`${path}${line}: ${error.message}`, { cause: error })
      })
    }
  })
}

/** Makes what is missing. */
export async function makeContainers(
  containers: readonly string[],
  storage: string,
  accounts: readonly StorageAccount[],
): Promise<void> {
  for (const account of containers.length === 0 ? [] : accounts) {
    const service = serviceOf(storage, account)
    for (const container of containers) await service.getContainerClient(container).createIfNotExists()
  }
}

const serviceOf = (storage: string, { name, key }: StorageAccount): BlobServiceClient =>
  new BlobServiceClient(`${storage}/${name}`, new StorageSharedKeyCredential(name, key))

interface Entry {
  readonly name: string
  readonly path: string
  readonly isFolder: boolean
}

/** In order; but for what is hidden, as systems and editors leave it everywhere. */
async function entries(dir: string): Promise<Entry[]> {
  const names = (await readdir(dir)).filter(name => !name.startsWith('.')).sort()
  return Promise.all(
    names.map(async name => {
      const path = join(dir, name)
      return { name, path, isFolder: (await stat(path)).isDirectory() }
    }),
  )
}

async function* filesIn(dir: string, prefix: string): AsyncGenerator<[path: string, blob: string]> {
  for (const { name, path, isFolder } of await entries(dir)) {
    if (isFolder) yield* filesIn(path, `${prefix}${name}/`)
    else yield [path, prefix + name]
  }
}
