import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { readSealRequest, sealForAccount } from '../../../src/loopback/seal-request.ts'
import { openSealed, seal, sealForStatement } from '../../../src/storage/sealing.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const owner = { account: 'acct', authType: 'access-key' }
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

/** As extension/sealing.sql writes it. */
function request(fields: Readonly<Record<string, unknown>>, macKey = key.macKey): string {
  const text = JSON.stringify({ account: 'acct', auth_type: 'access-key', passphrase: '', pid: 7, ...fields })
  const inner = sha256(Buffer.concat([macKey, Buffer.from(`seal|${text}`)]))
  return `${sha256(Buffer.concat([macKey, inner])).toString('hex')} ${text}`
}
const sealed = (written: string): Promise<string> => sealForAccount(readSealRequest(written), key)

test.each([
  ['in clear', 'secret ü'],
  ['sealed for its account', sealForStatement('secret ü', { account: 'acct' }, key)],
  ['sealed for its backend', sealForStatement('secret ü', { pid: 7 }, key)],
])('a credential given %s is sealed for its account', async (_, credentials) => {
  expect(await openSealed(await sealed(request({ credentials })), owner, key)).toBe('secret ü')
  const underPassphrase = await sealed(request({ credentials, passphrase: 'one' }))
  expect(await openSealed(underPassphrase, owner, key, 'one')).toBe('secret ü')
})

test('a stored one is sealed again, under the passphrase', async () => {
  const again = await sealed(request({ sealed: await seal('secret', owner, key), passphrase: 'one' }))
  expect(again).toMatch(/^p1:/)
  expect(await openSealed(again, owner, key, 'one')).toBe('secret')
})

test.each([
  ['of another account', { credentials: sealForStatement('secret', { account: 'other' }, key) }],
  ['of another backend', { credentials: sealForStatement('secret', { pid: 8 }, key) }],
  ['that is damaged', { sealed: 's1:AAAA' }],
])('one %s is refused', async (_, fields) => {
  await expect(sealed(request(fields))).rejects.toMatchObject({
    message: 'azure_storage: storage credentials invalid format',
    code: '22023',
    detail: 'The account is acct.',
  })
})

test('so is a request that the extension has not written', async () => {
  const genuine = request({ credentials: 'secret' })
  for (const forged of [
    genuine.replace('acct', 'evil'),
    request({}, Buffer.alloc(32)),
    ` ${genuine}`,
    `00${genuine}`,
  ]) {
    await expect(sealed(forged)).rejects.toMatchObject({ code: '42501' })
  }
})
