import type { Config } from '../../src/config/config.ts'
import { account } from './blobs.ts'
import { type CopyStack, startCopyStack } from './copy-stack.ts'
import type { TestServer } from './servers.ts'
import { serveSockets } from './socket-server.ts'

export interface StalledStorage {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** Resolves when a request has come in. */
  readonly requested: Promise<void>
  /** Whether a request for a path that ends like this has come in. */
  hasRequest(path: string): boolean
  /** Connections open now. */
  readonly open: number
  close(): Promise<void>
}

/** A storage service that takes every request and never answers; with `head`, it says so much of an answer first. */
export async function startStalledStorage(head = ''): Promise<StalledStorage> {
  let onRequest = (): void => {}
  const requested = new Promise<void>(resolve => {
    onRequest = resolve
  })
  const paths: string[] = []
  const server = await serveSockets(client => {
    client.once('data', request => {
      paths.push(new URL(/^\S+ (\S+)/.exec(request.toString('latin1'))?.[1] ?? '', 'http://h').pathname)
      client.write(head)
      onRequest()
    })
  })
  return {
    endpointTemplate: `http://127.0.0.1:${server.port}/{account}`,
    requested,
    hasRequest: path => paths.some(each => each.endsWith(path)),
    get open() {
      return server.open
    },
    close: () => server.close(),
  }
}

/** The beginning of a blob; listings and uploads get it as well, and wait for a proper answer. */
const HEAD = `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "x"\r\nx-ms-blob-type: BlockBlob\r\n\r\n${'1\n'.repeat(1000)}`

/** A proxy before such a service. */
export async function startStalledStack(
  server: TestServer,
  overrides: Partial<Config> = {},
): Promise<{ storage: StalledStorage; stack: CopyStack }> {
  const storage = await startStalledStorage(HEAD)
  const stack = await startCopyStack(server, {
    storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    ...overrides,
  })
  return { storage, stack }
}

/** By name of the function. */
export const STALLED_CALLS = Object.entries({
  blob_list: `SELECT * FROM azure_storage.blob_list('${account.name}', 'box')`,
  blob_get: `SELECT * FROM azure_storage.blob_get('${account.name}', 'box', 'a.csv') AS t (a int)`,
  blob_put: `SELECT azure_storage.blob_put('${account.name}', 'box', 'a.csv', q) FROM (SELECT 1 AS a) q`,
})
