import { expect, test } from 'vitest'
import { credentialOf, readAccess, readGrant } from '../../../src/credentials/access.ts'
import { mac } from '../../../src/credentials/mac.ts'
import { ManagedIdentity } from '../../../src/credentials/managed-identity.ts'
import { seal } from '../../../src/credentials/sealing.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const question = { account: 'acct', challenge: 'c0ffee'.padEnd(32, '0'), pid: 7, database: 'größe' }
const database = Buffer.from('größe').toString('hex')
const TOLD = { account: 'acct', grant: null, pid: 7, database, statement_timeout_ms: 5, block_size_mb: 8 }
const refused = expect.objectContaining({
  code: '42501',
  message: 'azure_storage: this database cannot grant the use of storage account acct',
})

function answer(told: object, { challenge = question.challenge, domain = 'blobgres/2 access' } = {}): [Buffer, string] {
  const text = Buffer.from(JSON.stringify(told))
  return [text, mac(key, domain, challenge, text)]
}

test('what the extension tells, to just this question', () => {
  expect(readAccess(...answer(TOLD), question, key)).toEqual({
    grant: undefined,
    statementTimeoutMs: 5,
    blockSizeMb: 8,
  })
})

test.each([
  ['another account', { account: 'other' }],
  ['another backend', { pid: 8 }],
  ['another database', { database: '00' }],
])('of %s it is refused', (_, other) => {
  expect(() => readAccess(...answer({ ...TOLD, ...other }), question, key)).toThrow(refused)
})

test('a proof for another challenge, another use, or another text is none', () => {
  const [text, proof] = answer(TOLD)
  expect(() => readAccess(...answer(TOLD, { challenge: '0'.repeat(32) }), question, key)).toThrow(refused)
  expect(() => readAccess(...answer(TOLD, { domain: 'blobgres/2 request' }), question, key)).toThrow(refused)
  expect(() => readAccess(Buffer.concat([text, Buffer.from(' ')]), proof, question, key)).toThrow(refused)
  expect(() => readAccess(text, `${proof}00`, question, key)).toThrow(refused)
  expect(() => readAccess(text, '', question, key)).toThrow(refused)
})

test("a database's name counts as far as PostgreSQL reads it", () => {
  const long = 'x'.repeat(70)
  const told = { ...TOLD, database: Buffer.from(long.slice(0, 63)).toString('hex') }
  expect(readAccess(...answer(told), { ...question, database: long }, key).blockSizeMb).toBe(8)
})

test.each([
  undefined,
  {},
  { auth_type: 'access-key', sealed: null },
  { auth_type: 'managed-identity', sealed: 's1:AAAA' },
  { auth_type: 'managed-identity' },
  { auth_type: 'root', sealed: null },
])('a grant is of a known kind: %o', value => {
  expect(() => readGrant(value, 'acct')).toThrow(refused)
})

test('credentials open', async () => {
  const services = { sealingKey: key, identity: new ManagedIdentity({} as never) }
  const sealed = await seal('a2V5', { account: 'acct', authType: 'access-key' }, key)
  const grant = readGrant({ auth_type: 'access-key', sealed, passphrase: null }, 'acct')
  expect(await credentialOf('acct', grant, services)).toMatchObject({ kind: 'shared-key' })
  const managed = readGrant({ auth_type: 'managed-identity', sealed: null, passphrase: null }, 'acct')
  expect(await credentialOf('acct', managed, services)).toMatchObject({ kind: 'managed-identity' })
  expect(await credentialOf('acct', undefined, services)).toEqual({ kind: 'anonymous' })
})
