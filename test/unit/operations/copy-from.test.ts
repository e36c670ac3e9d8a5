import { expect, it } from 'vitest'
import { MemoryBudget } from '../../../src/memory-budget.ts'
import { BlobImport } from '../../../src/operations/copy-from.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import { ConnectionLost } from '../../../src/session/wire.ts'
import type { Blob } from '../../../src/storage/blob-client.ts'
import { readBlob } from '../../../src/transfer/read-blob.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'
import { ScriptedWire } from '../../support/scripted-wire.ts'

const broken = new PgError({ message: 'the storage is broken', code: '58030' })

/** Chunks that come, and then nothing for ever. */
async function* stalled(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk)
  await new Promise(() => {})
}

function start(blob: Blob | PgError, { wire = new ScriptedWire([]), timeoutMs = 0 } = {}) {
  const format = { format: 'csv', compression: 'none' } as const
  const read = (signal: AbortSignal) => {
    if (blob instanceof PgError) throw blob
    return readBlob(blob, { format, columns: [], spool: {}, memory: new MemoryBudget({}), signal })
  }
  const feed = new BlobImport(wire, read, { timeoutMs })
  return { wire, feed, until: (letter: string) => wire.until(() => wire.sent.includes(letter)) }
}

it('feeds the rows in order, and then says that there are no more', async () => {
  const { wire, feed, until } = start(new MemoryBlob(['1\n', '2\n', '3\n']))
  await until('c')
  expect([wire.copied, wire.sent, feed.failure, feed.begun]).toEqual(['1\n2\n3\n', ['c', 'H'], undefined, true])
})

it('reads on only when the backend has taken what it was sent', async () => {
  const wire = new ScriptedWire([])
  let drain = () => {}
  const full = new Promise<void>(resolve => {
    wire.sendCopyData = payload => {
      wire.copied += payload.toString()
      return false
    }
    wire.drained = () => {
      resolve()
      return new Promise(drained => {
        drain = drained
      })
    }
  })
  const { until, feed } = start(new MemoryBlob(['1\n', '2\n']), { wire })
  await full
  await new Promise(setImmediate)
  expect([wire.copied, wire.sent]).toEqual(['1\n', []])
  drain()
  await until('c')
  await feed.stop()
  expect(wire.copied).toBe('1\n2\n')
})

it('fails the COPY where the blob cannot be opened', async () => {
  const { wire, feed, until } = start(broken)
  await until('f')
  expect([wire.copied, wire.sent, feed.failure, feed.begun]).toEqual(['', ['f'], broken, false])
})

it('fails the COPY where the blob breaks off', async () => {
  async function* breaking() {
    yield Buffer.from('1\n')
    throw broken
  }
  const { wire, feed, until } = start(new MemoryBlob(breaking()))
  await until('f')
  expect([wire.sent, feed.failure]).toEqual([['f'], broken])
})

it('fails the COPY when the client cancels it, once', async () => {
  const blob = new MemoryBlob(stalled('1\n'))
  const { wire, feed } = start(blob)
  wire.cancel?.()
  wire.cancel?.()
  await feed.stop()
  expect([wire.sent, feed.failure?.code, wire.cancel]).toEqual([['f'], '57014', undefined])
})

it('fails the COPY when the time of its statement is over', async () => {
  const { feed, until } = start(new MemoryBlob(stalled()), { timeoutMs: 1 })
  await until('f')
  expect(feed.failure?.message).toBe('canceling statement due to statement timeout')
})

it('stopped, says nothing more, and reads no more', async () => {
  const blob = new MemoryBlob(stalled('1\n', '2\n'))
  const { wire, feed } = start(blob)
  await feed.stop()
  expect([wire.sent, feed.failure]).toEqual([[], undefined])
  await new Promise(setImmediate)
  expect(wire.copied).toBe('')
})

it('ends without a word where the backend is gone', async () => {
  const wire = new ScriptedWire([])
  wire.sendCopyData = () => false
  wire.drained = () => Promise.reject(new ConnectionLost('backend'))
  const blob = new MemoryBlob(['1\n', '2\n', '3\n'])
  const { feed } = start(blob, { wire })
  await new Promise(resolve => blob.body.once('close', resolve))
  await feed.stop()
  expect([wire.sent, feed.failure]).toEqual([[], undefined])
})
