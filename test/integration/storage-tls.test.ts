import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { anonymous, type Credential } from '../../src/credentials/credential.ts'
import { ManagedIdentity } from '../../src/credentials/managed-identity.ts'
import { ensureCertificate } from '../../src/dev/certificate.ts'
import { openBlob } from '../../src/storage/blob-client.ts'
import { type StorageEndpoints, trusting } from '../../src/storage/endpoints.ts'
import { readBlob, writeBlob } from '../support/blobs.ts'
import { serveConfig } from '../support/config.ts'
import { type OauthAzurite, startOauthAzurite } from '../support/oauth-azurite.ts'

let azurite: OauthAzurite
let configured: StorageEndpoints
beforeAll(async () => {
  azurite = await startOauthAzurite()
  await azurite.service.createContainer('data')
  const argv = ['--backend', 'postgres://u@h', '--storage-endpoint', azurite.endpointTemplate]
  configured = serveConfig([...argv, '--storage-ca', azurite.certificate]).storageEndpoints
})
afterAll(() => azurite.close())

const emulated = (): Credential => ({
  kind: 'managed-identity',
  identity: new ManagedIdentity({ azureCredential: 'emulated' }),
})

it('a certificate that is configured is trusted, and the emulated identity accepted', async () => {
  const blob = openBlob(configured, azurite.account, emulated(), 'data', 'x')
  await writeBlob(blob, 'contents')
  expect(String(await readBlob(blob))).toBe('contents')
})

it('any other is not, and is not talked to', async () => {
  const blob = openBlob(
    { defaultTemplate: configured.defaultTemplate, accounts: new Map() },
    azurite.account,
    emulated(),
    'data',
    'x',
  )
  await expect(readBlob(blob)).rejects.toMatchObject({
    code: '08001',
    message: 'azure_storage: internal error while connecting',
    detail: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
  })
})

it('a trusted certificate is good for its own host alone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
  const files = await ensureCertificate(dir, 'other', ['elsewhere.example', '127.0.0.9'])
  const cert = await readFile(files.cert)
  let requests = 0
  const server = createServer({ cert, key: await readFile(files.key) }, () => requests++)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const defaultTemplate = `https://127.0.0.1:${(server.address() as AddressInfo).port}/{account}`
  const endpoints = { defaultTemplate, accounts: new Map(), trust: trusting(cert) }
  await expect(readBlob(openBlob(endpoints, 'acct', anonymous, 'data', 'x'))).rejects.toMatchObject({
    detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
  })
  expect(requests).toBe(0)
  server.close()
  await rm(dir, { recursive: true })
})
