import { describe, expect, it } from 'vitest'
import {
  openFromStatement,
  openSealed,
  parseSealingKey,
  seal,
  sealForStatement,
  withProxyKey,
} from '../../../src/credentials/sealing.ts'

const key = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const owner = { account: 'acct', authType: 'access-key' }
const invalid = expect.objectContaining({
  message: 'azure_storage: storage credentials invalid format',
  code: '22023',
})

/** The value with each of its bytes changed in turn. */
function* damaged(sealed: string, prefix: string): Generator<string> {
  const bytes = Buffer.from(sealed.slice(prefix.length), 'base64')
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(i) ^ 1, i)
    yield prefix + changed.toString('base64')
  }
}

describe('a stored credential', () => {
  it.each(['', 'k', 'x'.repeat(32), 'é'.repeat(100)])('opens again: %s', async clear => {
    expect(await openSealed(await seal(clear, owner, key), owner, key)).toBe(clear)
    expect(await openSealed(await seal(clear, owner, key, 'one'), owner, key, 'one')).toBe(clear)
  })

  it('never looks the same, nor like what is in it', async () => {
    const [one, two] = await Promise.all([seal('secret', owner, key), seal('secret', owner, key)])
    expect(one).not.toBe(two)
    expect(one).toMatch(/^s1:[A-Za-z0-9+/]+=*$/)
    expect(Buffer.from(one.slice(3), 'base64').includes('secret')).toBe(false)
    expect(await seal('secret', owner, key, 'one')).toMatch(/^p1:/)
  })

  it('opens with no other key, not for another account, nor as something else', async () => {
    const sealed = await seal('secret', owner, key)
    await expect(openSealed(sealed, owner, { ...key, encKey: Buffer.alloc(32, 3) })).rejects.toEqual(invalid)
    await expect(openSealed(sealed, { ...owner, account: 'acct2' }, key)).rejects.toEqual(invalid)
    await expect(openSealed(sealed, { ...owner, authType: 'managed-identity' }, key)).rejects.toEqual(invalid)
    await expect(openSealed(sealed.replace('s1:', 'p1:'), owner, key)).rejects.toEqual(invalid)
  })

  it('shows when one bit of it was changed', async () => {
    for (const each of damaged(await seal('secret', owner, key), 's1:')) {
      await expect(openSealed(each, owner, key)).rejects.toEqual(invalid)
    }
  })

  it('is nothing but base64: what stands behind its padding is not ignored', async () => {
    const sealed = await seal('secre', owner, key) // without padding
    expect(sealed).toMatch(/[^=]$/)
    for (const longer of [`${sealed}=`, `${sealed}=|x`, `${sealed}|x`, `${sealed} `, sealed.replace('s1:', 's1: ')]) {
      await expect(openSealed(longer, owner, key)).rejects.toEqual(invalid)
    }
  })

  it.each(['', 's1:', 's1:AAAA', 'p1:AAAA', 'secret', `v1:${Buffer.alloc(64).toString('base64')}`])(
    'is not %s',
    async text => {
      await expect(openSealed(text, owner, key)).rejects.toEqual(invalid)
    },
  )

  it('under a passphrase takes that and the key; what was sealed before it was set still opens', async () => {
    const sealed = await seal('secret', owner, key, 'größer')
    expect(await openSealed(sealed, owner, key, 'größer')).toBe('secret')
    await expect(openSealed(sealed, owner, key, 'grosser')).rejects.toEqual(invalid)
    await expect(openSealed(sealed, owner, key)).rejects.toEqual(invalid)
    await expect(openSealed(sealed, owner, { ...key, encKey: Buffer.alloc(32, 3) }, 'größer')).rejects.toEqual(invalid)
    expect(await openSealed(await seal('secret', owner, key), owner, key, 'later')).toBe('secret')
  })
})

describe('a credential in a statement', () => {
  const session = { pid: 1, database: 'app' }
  const recipient = { ...session, account: 'acct' }

  it('opens for its session and its account', () => {
    const sealed = sealForStatement('secret', recipient, key)
    expect(sealed).toMatch(/^blobgres-sealed:[\w-]+$/)
    expect(openFromStatement(sealed, recipient, key)).toBe('secret')
  })

  it('opens for any account of its session, where it names none', () => {
    const sealed = sealForStatement('secret', { ...session, account: undefined }, key)
    expect(openFromStatement(sealed, recipient, key)).toBe('secret')
  })

  it.each([
    ['another account', { account: 'other' }],
    ['another session', { pid: 2 }],
    ['another database', { database: 'mine' }],
  ])('does not open for %s', (_, other) => {
    for (const account of ['acct', undefined]) {
      const sealed = sealForStatement('secret', { ...session, account }, key)
      if (account === undefined && 'account' in other) continue
      expect(() => openFromStatement(sealed, { ...recipient, ...other }, key)).toThrow(invalid)
    }
  })

  it('is no stored one, nor the other way round', async () => {
    const stated = sealForStatement('secret', recipient, key)
    await expect(openSealed(stated.replace('blobgres-sealed:', 's1:'), owner, key)).rejects.toEqual(invalid)
    const stored = (await seal('secret', owner, key)).replace('s1:', 'blobgres-sealed:')
    expect(() => openFromStatement(stored, recipient, key)).toThrow(invalid)
  })

  it('may be given in clear', () => {
    expect(openFromStatement('secret', recipient, key)).toBe('secret')
  })

  it('is nothing but base64', () => {
    const sealed = sealForStatement('secret', recipient, key)
    for (const longer of [`${sealed}=`, `${sealed} `, `${sealed}|x`, sealed.replace(':', ': ')]) {
      expect(() => openFromStatement(longer, recipient, key)).toThrow(invalid)
    }
  })
})

it('the key is the two halves of a SCRAM verifier', () => {
  const [encKey, macKey] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)]
  const verifier = `SCRAM-SHA-256$4096:c2FsdA==$${encKey.toString('base64')}:${macKey.toString('base64')}`
  expect(parseSealingKey(verifier)).toEqual({ encKey, macKey })
})

it('a key of the proxies is needed as well, where there is one', async () => {
  const both = withProxyKey(key, 'a secret of the proxies')
  const sealed = await seal('secret', owner, both)
  expect(await openSealed(sealed, owner, both)).toBe('secret')
  await expect(openSealed(sealed, owner, key)).rejects.toEqual(invalid)
  await expect(openSealed(sealed, owner, withProxyKey(key, 'another'))).rejects.toEqual(invalid)
  expect(both.macKey).toEqual(key.macKey)
})

it.each(['', 'md5abc', 'SCRAM-SHA-256$4096:c2FsdA==$short:short'])('no key in %s', verifier => {
  expect(() => parseSealingKey(verifier)).toThrow('holds no sealing key')
})

it('the key that credentials are sealed with is derived once', async () => {
  let reads = 0
  const watched = {
    ...key,
    get encKey() {
      reads++
      return key.encKey
    },
  }
  const sealed = await seal('secret', owner, watched)
  expect(await openSealed(sealed, owner, watched)).toBe('secret')
  expect(sealForStatement('secret', { pid: 1, database: 'db', account: undefined }, watched)).toMatch(
    /^blobgres-sealed:/,
  )
  expect(reads).toBe(1)
})
