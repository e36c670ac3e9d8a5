import { expect, test } from 'vitest'
import { openSealed, parseSealingKey, seal } from '../../../src/storage/sealing.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const invalid = expect.objectContaining({
  message: 'azure_storage: storage credentials invalid format',
  code: '22023',
})

test.each(['', 'k', 'x'.repeat(32), 'é'.repeat(100)])('what is sealed opens again: %s', clear => {
  expect(openSealed(seal(clear, 'acct', key), 'acct', key)).toBe(clear)
})

test('the same credential never looks the same', () => {
  expect(seal('secret', 'acct', key)).not.toBe(seal('secret', 'acct', key))
})

test('another key opens nothing', () => {
  const sealed = seal('secret', 'acct', key)
  expect(() => openSealed(sealed, 'acct', { ...key, macKey: Buffer.alloc(32, 3) })).toThrow(invalid)
})

test('nor does it open for another account', () => {
  expect(() => openSealed(seal('secret', 'acct', key), 'acct2', key)).toThrow(invalid)
})

test('one changed bit anywhere is noticed', () => {
  const bytes = Buffer.from(seal('secret', 'acct', key).slice(3), 'base64')
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(i) ^ 1, i)
    expect(() => openSealed(`v1:${damaged.toString('base64')}`, 'acct', key)).toThrow(invalid)
  }
})

test.each(['', 'v1:', 'v1:AAAA', 'secret', `v3:${Buffer.alloc(64).toString('base64')}`])('not sealed: %s', text => {
  expect(() => openSealed(text, 'acct', key)).toThrow(invalid)
})

test('the key is the two halves of a SCRAM verifier', () => {
  const [encKey, macKey] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)]
  const verifier = `SCRAM-SHA-256$4096:c2FsdA==$${encKey.toString('base64')}:${macKey.toString('base64')}`
  expect(parseSealingKey(verifier)).toEqual({ encKey, macKey })
})

test.each(['', 'md5abc', 'SCRAM-SHA-256$4096:c2FsdA==$short:short'])('no key in %s', verifier => {
  expect(() => parseSealingKey(verifier)).toThrow('holds no sealing key')
})

test('a passphrase is needed again, and another one does not open', () => {
  const sealed = seal('secret', 'acct', key, 'größer')
  expect(openSealed(sealed, 'acct', key, 'größer')).toBe('secret')
  expect(() => openSealed(sealed, 'acct', key, 'grosser')).toThrow(invalid)
  expect(() => openSealed(sealed, 'acct', key)).toThrow(invalid)
})

test('what was sealed before the passphrase was set still opens', () => {
  expect(openSealed(seal('secret', 'acct', key), 'acct', key, 'later')).toBe('secret')
})
