import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { startAzurite } from '../../src/dev/azurite.ts'
import { trusting } from '../../src/storage/endpoints.ts'
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
  const certificate = await createCertificate(dir)
  const account = {
    name: 'identityacct',
    key: Buffer.from('the key that nobody but the test needs').toString('base64'),
  }
  const azurite = await startAzurite({ accounts: [account], port: 0, location: dir, inMemory: true, certificate })
  // The SDK passes tlsOptions on, although its types don't know them.
  const options = { retryOptions: {}, tlsOptions: trusting(await readFile(certificate.cert)) }
  const credential = new StorageSharedKeyCredential(account.name, account.key)
  const url = azurite.endpointTemplate.replace('{account}', account.name)
  return {
    account: account.name,
    endpointTemplate: azurite.endpointTemplate,
    certificate: certificate.cert,
    service: new BlobServiceClient(url, credential, options),
    close: async () => {
      await azurite.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
