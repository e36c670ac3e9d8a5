import net from 'node:net'
import { expect, it } from 'vitest'
import type { Logger } from '../../../src/log.ts'
import { ReadBuffer, readClient } from '../../../src/session/read-buffer.ts'

it('says once, and only once, that a Node does not let sockets read into one buffer', () => {
  const warnings: unknown[] = []
  const log = { warn: (fields: unknown) => warnings.push(fields) } as unknown as Logger
  const read = (handle: object | null): boolean => {
    const accepted = Object.assign(new net.Socket(), { _handle: handle })
    return readClient(accepted, new ReadBuffer(), () => {}, log) === accepted
  }
  expect([read(null), warnings.length]).toEqual([true, 0]) // the client is gone already
  const old = { readStart: () => 0 }
  expect([read(old), read(old), warnings]).toEqual([true, true, [{ node: process.version }]])
})
