import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parseCredential } from '../../../src/credentials/credential.ts'

const key = Buffer.from('a secret key of some length').toString('base64')
const sas = 'sv=2024-11-04&ss=b&srt=sco&sp=rwdlac&se=2030-01-01T00:00:00Z&spr=https,http&sig=s3cr%2Bet%3D'

describe('parseCredential', () => {
  it('takes base64 for an account key', () => {
    const credential = parseCredential(key)
    expect(credential.kind === 'shared-key' && credential.key).toBe(key)
  })

  it.each([sas, `?${sas}`, 'sig=abc', 'sv=2024&sig=abc='])('takes %s for a shared access signature', text => {
    const credential = parseCredential(text)
    expect(credential.kind === 'sas' && credential.query).toBe(text.replace('?', ''))
  })

  it.each([
    '',
    'not base64!',
    'abc',
    'abcde===',
    `${key}\n`,
    'sig=',
    'sv=1&sig=a b',
    '&sig=a',
    'sig=%zz',
    'notsig=a',
    `https://acct.blob.core.windows.net/?${sas}`,
  ])('refuses %j without repeating it', text => {
    expect(() => parseCredential(text)).toThrow(
      expect.objectContaining({
        message: 'azure_storage: storage credentials invalid format',
        code: '22023',
        detail: undefined,
      }),
    )
  })

  it.each([key, sas])('hides the secret from logs and dumps', text => {
    const credential = parseCredential(text)
    expect(inspect(credential) + JSON.stringify(credential)).not.toMatch(/s3cr|YSBz/)
  })
})
