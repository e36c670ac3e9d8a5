import { randomBytes } from 'node:crypto'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anonymous, type Credential, parseCredential } from '../../src/credentials/credential.ts'
import { openBlob } from '../../src/storage/blob-client.ts'
import { blobService, createContainer } from '../support/azurite.ts'
import { account, accountKey, containerSas, endpoints, readBlob, writeBlob } from '../support/blobs.ts'

let privateContainer: ContainerClient
let publicContainer: ContainerClient
beforeAll(async () => {
  privateContainer = await createContainer('private')
  publicContainer = blobService().getContainerClient(`public-${randomBytes(6).toString('hex')}`)
  await publicContainer.create({ access: 'blob' })
  await Promise.all([privateContainer, publicContainer].map(each => each.getBlockBlobClient('blob').upload('text', 4)))
})
afterAll(() => Promise.all([privateContainer.delete(), publicContainer.delete()]))

function blob(credential: Credential, container: string, path = 'blob', accountName = account.name) {
  return openBlob(endpoints(), accountName, credential, container, path)
}

function sas(permissions: string): Credential {
  return parseCredential(`?${containerSas(privateContainer, permissions)}`)
}

const missingCredentials = { message: 'azure_storage: missing storage credentials', code: '28000' }
const noPermission = {
  message: 'azure_storage: Permission is not sufficient to perform requested operation',
  code: '42501',
}

describe('a shared key', () => {
  it('finds no blob', async () => {
    await expect(readBlob(blob(accountKey, privateContainer.containerName, 'other'))).rejects.toMatchObject({
      message: 'azure_storage: blob with the given name does not exist',
      code: '58P01',
      detail: expect.stringContaining('BlobNotFound'),
    })
  })

  it('finds no container', async () => {
    const missing = { message: 'azure_storage: container with the given name does not exist', code: '58P01' }
    await expect(readBlob(blob(accountKey, 'no-such-container'))).rejects.toMatchObject(missing)
    await expect(writeBlob(blob(accountKey, 'no-such-container'), 'x')).rejects.toMatchObject(missing)
  })

  it('is refused when it is wrong', async () => {
    const wrong = parseCredential(Buffer.alloc(32, 'wrong').toString('base64'))
    await expect(readBlob(blob(wrong, privateContainer.containerName))).rejects.toMatchObject(noPermission)
    await expect(writeBlob(blob(wrong, privateContainer.containerName), 'x')).rejects.toMatchObject(noPermission)
  })

  it('reaches no account that does not exist', async () => {
    await expect(
      readBlob(blob(accountKey, privateContainer.containerName, 'blob', 'nosuchaccount')),
    ).rejects.toMatchObject({ message: 'azure_storage: internal error while connecting', code: '08001' })
  })
})

describe('a shared access signature', () => {
  it('reads and writes what it is for', async () => {
    const target = blob(sas('rcw'), privateContainer.containerName, 'signed')
    await writeBlob(target, 'signed text')
    expect(String(await readBlob(target))).toBe('signed text')
  })

  it('is refused where it is not enough', async () => {
    await expect(writeBlob(blob(sas('r'), privateContainer.containerName), 'x')).rejects.toMatchObject(noPermission)
  })

  it('is refused when it is wrong, and not shown', async () => {
    const wrong = parseCredential('sv=2024-11-04&sr=c&sp=r&se=2099-01-01&sig=c2VjcmV0')
    const error = await readBlob(blob(wrong, privateContainer.containerName)).catch(reason => reason)
    expect(error).toMatchObject(noPermission)
    expect(error.detail).not.toContain('c2VjcmV0')
  })
})

describe('nobody', () => {
  it('reads a public blob', async () => {
    expect(String(await readBlob(blob(anonymous, publicContainer.containerName)))).toBe('text')
  })

  it('cannot write there', async () => {
    await expect(writeBlob(blob(anonymous, publicContainer.containerName), 'x')).rejects.toMatchObject(
      missingCredentials,
    )
  })

  it('finds no blob there that is missing', async () => {
    await expect(readBlob(blob(anonymous, publicContainer.containerName, 'other'))).rejects.toMatchObject({
      message: 'azure_storage: blob with the given name does not exist',
    })
  })

  it('cannot read a private blob', async () => {
    await expect(readBlob(blob(anonymous, privateContainer.containerName))).rejects.toMatchObject(missingCredentials)
  })
})

it.each([
  ['refuses', 'http://127.0.0.1:1/{account}'],
  ['has no address', 'http://no-such-host.invalid/{account}'],
])('a service that %s is given up after some seconds', async (_what, template) => {
  const unreachable = openBlob(endpoints(template), account.name, accountKey, 'container', 'blob')
  await expect(readBlob(unreachable)).rejects.toMatchObject({
    message: 'azure_storage: internal error while connecting',
    code: '08001',
  })
})
