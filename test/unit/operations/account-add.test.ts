import { expect, test } from 'vitest'
import { openSealed, seal, sealForStatement } from '../../../src/credentials/sealing.ts'
import { readSealRequest, sealForAccount } from '../../../src/operations/account-add.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const owner = { account: 'acct', authType: 'access-key' }
const session = { pid: 7, database: 'größe' }
const CALL = { pid: 7, database_in_hex: Buffer.from('größe').toString('hex') }

const sealed = (fields: Readonly<Record<string, unknown>>): Promise<string> =>
  sealForAccount(
    readSealRequest({ account: 'acct', auth_type: 'access-key', passphrase: '', call: CALL, ...fields }),
    key,
  )

test.each([
  ['in clear', 'secret ü'],
  ['sealed for its account', sealForStatement('secret ü', { ...session, account: 'acct' }, key)],
  ['sealed for its session', sealForStatement('secret ü', { ...session, account: undefined }, key)],
])('a credential given %s is sealed for its account', async (_, credentials) => {
  expect(await openSealed(await sealed({ credentials }), owner, key)).toBe('secret ü')
  const underPassphrase = await sealed({ credentials, passphrase: 'one' })
  expect(await openSealed(underPassphrase, owner, key, 'one')).toBe('secret ü')
})

test('a stored one is sealed again, under the passphrase', async () => {
  const again = await sealed({ sealed: await seal('secret', owner, key), passphrase: 'one' })
  expect(again).toMatch(/^p1:/)
  expect(await openSealed(again, owner, key, 'one')).toBe('secret')
})

test.each([
  ['of another account', { credentials: sealForStatement('secret', { ...session, account: 'other' }, key) }],
  ['of another backend', { credentials: sealForStatement('secret', { ...session, pid: 8, account: 'acct' }, key) }],
  [
    'of another database',
    { credentials: sealForStatement('secret', { pid: 7, database: 'mine', account: 'acct' }, key) },
  ],
  ['that is damaged', { sealed: 's1:AAAA' }],
])('one %s is refused', async (_, fields) => {
  await expect(sealed(fields)).rejects.toMatchObject({
    message: 'azure_storage: storage credentials invalid format',
    code: '22023',
    detail: 'The account is acct.',
  })
})
