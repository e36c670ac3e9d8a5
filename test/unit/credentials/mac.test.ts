import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { isMac, mac } from '../../../src/credentials/mac.ts'
import vectors from '../../fixtures/macs.json' with { type: 'json' }

const key = { macKey: Buffer.from(vectors.key, 'hex') }

test.each(vectors.macs)('the MAC of $words', ({ words, mac: expected }) => {
  expect(mac(key, ...words)).toBe(expected)
  expect(isMac(expected, key, ...words)).toBe(true)
})

test('is a hash under the key of a hash under the key, each word behind its length', () => {
  const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  const message = Buffer.from('000000026162ffffffff00000000', 'hex')
  expect(mac(key, 'ab', null, '')).toBe(sha256(key.macKey, sha256(key.macKey, message)).toString('hex'))
  expect(mac(key, Buffer.from('ab'), null, '')).toBe(mac(key, 'ab', null, ''))
})

test('no two lists of words have the same, nor two keys', () => {
  expect(new Set(vectors.macs.map(({ mac }) => mac)).size).toBe(vectors.macs.length)
  expect(mac({ macKey: Buffer.alloc(32) }, 'ab')).not.toBe(mac(key, 'ab'))
})

test('nothing but its 64 digits is taken for one', () => {
  const right = mac(key, 'ab')
  for (const wrong of [
    '',
    right.slice(2),
    `${right}00`,
    `${right}\n`,
    right.toUpperCase(),
    ` ${right}`,
    `0${right.slice(1)}g`,
  ]) {
    expect(isMac(wrong, key, 'ab')).toBe(false)
  }
})
