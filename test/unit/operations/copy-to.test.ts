import { beforeEach, expect, it, vi } from 'vitest'
import { bulkTurns } from '../../../src/bulk-turns.ts'
import { BlobExport } from '../../../src/operations/copy-to.ts'
import type { CopyDataSink } from '../../../src/protocol/frame-assembler.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import type { BlockStore } from '../../../src/storage/blob-upload.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'
import { ScriptedWire } from '../../support/scripted-wire.ts'

// What it does in a turn of the event loop is not to depend on how long that takes.
const mayGoOn = vi.spyOn(bulkTurns, 'mayGoOn')
beforeEach(() => void mayGoOn.mockReturnValue(true))

const broken = new PgError({ message: 'the storage is broken', code: '58030' })

/** An export, what says `rows` to it, and what it has done to the backend. */
function start(store: Partial<BlockStore> = {}, { timeoutMs = 0, maxBlockBytes = 100, refused = false } = {}) {
  const blob = new MemoryBlob([], store)
  const wire = new ScriptedWire([])
  let sink: CopyDataSink = () => {}
  wire.setCopyDataSink = taker => {
    sink = taker ?? (() => {})
  }
  wire.pauseBackend = () => void wire.sent.push('pause')
  wire.resumeBackend = () => {
    wire.sent.push('resume')
    wire.wake()
  }
  const open = () => {
    if (refused) throw broken
    return blob
  }
  const format = { format: 'csv', compression: 'none' } as const
  const taker = new BlobExport(wire, open, { format, columns: [], spool: {}, maxBlockBytes, timeoutMs })
  const rows = (text: string) => sink(Buffer.from(text))
  return { taker, wire, rows, put: blob.put, until: (what: string) => wire.until(() => wire.sent.includes(what)) }
}

it('makes the rows a blob when it is committed, not before', async () => {
  const { taker, wire, rows, put } = start()
  rows('1\n')
  rows('2\n')
  expect(put).toEqual([])
  await taker.commit()
  expect([put, wire.sent, wire.cancel]).toEqual([['1\n2\n'], [], undefined])
})

it('stops the backend until the storage has taken what there is', async () => {
  const taken: (() => void)[] = []
  const stageBlock = () => new Promise<void>(resolve => taken.push(resolve))
  const { wire, rows, taker, until } = start({ stageBlock }, { maxBlockBytes: 2 })
  rows('1\n2\n')
  expect(wire.sent).toEqual([])
  rows('3\n')
  rows('4\n')
  await new Promise(setImmediate)
  expect(wire.sent).toEqual(['pause'])
  for (let next = taken.shift(); next; next = taken.shift()) {
    next()
    await new Promise(setImmediate)
  }
  await until('resume')
  await taker.stop()
  expect(wire.sent).toEqual(['pause', 'resume'])
})

it('stops the backend until others have had their turn', async () => {
  const { wire, rows, taker, put } = start()
  mayGoOn.mockReturnValueOnce(false)
  rows('1\n')
  rows('2\n')
  expect(wire.sent).toEqual(['pause'])
  const [goOn] = mayGoOn.mock.lastCall as [() => void]
  goOn()
  rows('3\n')
  expect(wire.sent).toEqual(['pause', 'resume'])
  mayGoOn.mockReturnValueOnce(false)
  rows('4\n')
  await taker.commit()
  expect([wire.sent, put]).toEqual([['pause', 'resume', 'pause', 'resume'], ['1\n2\n3\n4\n']])
})

it('has the statement cancelled where the storage fails, and drops what comes', async () => {
  const { taker, rows, put, until } = start({ stageBlock: () => Promise.reject(broken) }, { maxBlockBytes: 2 })
  rows('1\n')
  await until('cancel')
  rows('2\n')
  await expect(taker.commit()).rejects.toBe(broken)
  expect([taker.failure, put]).toEqual([broken, []])
})

it('has the statement cancelled where the blob cannot be opened', async () => {
  const { taker, wire, rows } = start({}, { refused: true })
  rows('1\n')
  await expect(taker.commit()).rejects.toBe(broken)
  expect(wire.sent).toEqual(['cancel'])
})

it('has the statement cancelled where the commit fails', async () => {
  const { taker, wire, rows } = start({ putBlob: () => Promise.reject(broken) })
  rows('1\n')
  await expect(taker.commit()).rejects.toBe(broken)
  expect(wire.sent).toEqual(['cancel'])
})

it('ends when the client cancels it, and leaves nothing behind', async () => {
  const { taker, wire, rows, put } = start()
  rows('1\n')
  wire.cancel?.()
  await expect(taker.commit()).rejects.toMatchObject({ code: '57014' })
  expect([wire.sent, put]).toEqual([['cancel'], []])
})

it('ends when the time of its statement is over', async () => {
  const { taker, until, put } = start({}, { timeoutMs: 1 })
  await until('cancel')
  await expect(taker.commit()).rejects.toThrow('statement timeout')
  expect(put).toEqual([])
})

it('stopped, leaves nothing behind, and cancels nothing', async () => {
  const { taker, wire, rows, put } = start()
  rows('1\n')
  await taker.stop()
  expect([put, wire.sent, taker.failure]).toEqual([[], [], undefined])
})
