import { createHash, timingSafeEqual } from 'node:crypto'
import type { SealingKey } from './sealing.ts'

/** A text or its bytes in UTF-8; null is SQL's NULL. */
export type Word = string | Buffer | null

const PROOF = /^[0-9a-f]{64}$/

/**
 * What every proof is; its twin in SQL is azure_storage_private.mac(). The words say what it is about, the first of them
 * what it is for. Each has its length before it (int4, -1 for NULL), so that no two lists of words are one message.
 */
export function mac(key: Pick<SealingKey, 'macKey'>, ...words: readonly Word[]): string {
  return digest(key, words).toString('hex')
}

/** Whether `given` is the MAC of just these words, in 64 digits. */
export function isMac(given: string, key: Pick<SealingKey, 'macKey'>, ...words: readonly Word[]): boolean {
  return PROOF.test(given) && timingSafeEqual(Buffer.from(given, 'hex'), digest(key, words))
}

function digest({ macKey }: Pick<SealingKey, 'macKey'>, words: readonly Word[]): Buffer {
  const inner = createHash('sha256').update(macKey)
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word, 'utf8') : word
    const length = Buffer.alloc(4)
    length.writeInt32BE(bytes === null ? -1 : bytes.length)
    inner.update(length)
    if (bytes !== null) inner.update(bytes)
  }
  return createHash('sha256').update(macKey).update(inner.digest()).digest()
}
