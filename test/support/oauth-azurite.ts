import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { startChild } from '../../src/dev/child.ts'
import { createCertificate } from './certificate.ts'

export interface OauthAzurite {
  readonly account: string
  readonly endpointTemplate: string
  /** The file of the certificate that clients are to trust. */
  readonly certificate: string
  /** The account, seen with its key. */
  readonly service: BlobServiceClient
  close(): Promise<void>
}

/** An Azurite with HTTPS that takes bearer tokens. */
export async function startOauthAzurite(): Promise<OauthAzurite> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-oauth-'))
  const { cert, key } = await createCertificate(dir)
  const account = 'identityacct'
  const accountKey = Buffer.from('the key that nobody but the test needs').toString('base64')
  const program = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js')
  const args = [program, '--blobHost', '127.0.0.1', '--blobPort', '0', '--inMemoryPersistence']
  args.push('--silent', '--skipApiVersionCheck', '--disableTelemetry')
  args.push('--oauth', 'basic', '--cert', cert, '--key', key)
  const { child, ready } = await startChild({
    name: 'Azurite',
    command: process.execPath,
    args,
    options: { cwd: dir, env: { ...process.env, AZURITE_ACCOUNTS: `${account}:${accountKey}` } },
    ready: /successfully listens on (https:\/\/127\.0\.0\.1:\d+)/,
    stopSignal: 'SIGTERM',
  })
  // The SDK passes tlsOptions on, although its types don't know them.
  const options = { retryOptions: {}, tlsOptions: { ca: await readFile(cert, 'utf8') } }
  const credential = new StorageSharedKeyCredential(account, accountKey)
  return {
    account,
    endpointTemplate: `${ready[1]}/{account}`,
    certificate: cert,
    service: new BlobServiceClient(`${ready[1]}/${account}`, credential, options),
    close: async () => {
      await child.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
