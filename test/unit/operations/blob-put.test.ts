import { expect, test, vi } from 'vitest'
import { Transfer, type TransferFacts } from '../../../src/activity/transfer.ts'
import { Conversions } from '../../../src/backend/conversions.ts'
import type { BackendConfig } from '../../../src/config/backend-url.ts'
import { LARGE_ROWS_BYTES } from '../../../src/formats/rows/large-rows.ts'
import { RecordEncoder } from '../../../src/formats/rows/record-encoder.ts'
import { BlobRowsUpload } from '../../../src/operations/blob-put.ts'
import { type CallOrigin, Calls } from '../../../src/operations/calls.ts'
import type { RowsOfBlob } from '../../../src/operations/rows-of-blob.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import type { Services } from '../../../src/services.ts'
import type { BlockStore } from '../../../src/storage/blob-upload.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'

const MEBIBYTE = 1024 * 1024
const conversions = new Conversions({ backend: {} as BackendConfig })
const services = { config: {}, conversions, serverMajorVersion: 18 } as unknown as Services
const broken = new PgError({ message: 'the storage is broken', code: '58030' })
const origin: CallOrigin = {
  pid: 7,
  session: undefined,
  statement: '1',
  timeoutMs: 0,
  user: 'app',
  database: 'db',
  blockSizeMb: 1,
}

async function open(store: Partial<BlockStore> = {}, changes: Partial<RowsOfBlob> = {}) {
  const request = {
    call: origin,
    container: 'box',
    path: 'a.csv',
    coder: 'auto',
    compression: 'auto',
    options: null,
    columns: ['a', 'b'].map(name => ({ name, oid: 25, typmod: -1, isDomain: false, shape: undefined })),
    encoding: 'UTF8',
    clientEncoding: 'UTF8',
    withLine: false,
    ...changes,
  } as unknown as RowsOfBlob
  const blob = new MemoryBlob([], store)
  const calls = new Calls('proxy')
  const closed = new AbortController()
  const transfer = new Transfer(1, { format: 'csv', direction: 'export' } as TransferFacts, () => {})
  const belongings = { call: calls.begin(origin, 0), transfer, closed: closed.signal }
  const upload = await BlobRowsUpload.open(services, request, blob, belongings)
  return { upload, transfer, calls, closed, put: blob.put }
}

const rows = (text: string) => Buffer.from(text)

test('blocks of rows become a blob when it is committed, not before', async () => {
  const { upload, calls, put } = await open({}, { options: { header: true } })
  await upload.take(rows('(1,x)'))
  await upload.take(rows('(2,)'))
  expect([put, calls.has(7)]).toEqual([[], true])
  await upload.commit(rows('(3,y)'))
  expect([put, calls.has(7)]).toEqual([['a,b\n1,x\n2,\n3,y\n'], false])
})

test('without rows it is an empty one', async () => {
  const { upload, put } = await open()
  await upload.commit(rows(''))
  expect(put).toEqual([''])
})

test('its id is hard to guess, and its rows are literals unless the coder is binary', async () => {
  const [first, second] = [(await open()).upload, (await open({}, { coder: 'binary' })).upload]
  expect([first.mode, second.mode]).toEqual(['t', 'b'])
  expect(first.id).toMatch(/^[\w-]{12}$/)
  expect(first.id).not.toBe(second.id)
})

test('it takes rows no faster than the storage does', async () => {
  const taken: (() => void)[] = []
  const { upload, put } = await open({ stageBlock: () => new Promise<void>(resolve => taken.push(resolve)) })
  let isWritten = false
  const writing = upload.take(rows(`(1,${'x'.repeat(8 * MEBIBYTE)})`)).then(() => {
    isWritten = true
  })
  while (taken.length < 2) await new Promise(setImmediate)
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate)
  expect([isWritten, taken.length]).toEqual([false, 2])
  while (!isWritten) {
    taken.shift()?.()
    await new Promise(setImmediate)
  }
  await writing
  upload.abort()
  expect(put).toEqual([])
})

test('where the storage fails so does the statement, and its call is over', async () => {
  const { upload, calls, put } = await open({ putBlob: () => Promise.reject(broken) })
  await upload.take(rows('(1,x)'))
  await expect(upload.commit(rows(''))).rejects.toBe(broken)
  expect([put, calls.has(7)]).toEqual([[], false])
})

test('it ends with the reason that its statement ends for, and leaves nothing behind', async () => {
  const { upload, calls, put } = await open()
  await upload.take(rows('(1,x)'))
  calls.cancel(7)
  await expect(upload.commit(rows('(2,y)'))).rejects.toMatchObject({ code: '57014' })
  expect([put, calls.has(7)]).toEqual([[], false])
})

test('it ends with its connection, and leaves nothing behind', async () => {
  const { upload, closed, put } = await open()
  await upload.take(rows('(1,x)'))
  closed.abort()
  await expect(upload.commit(rows(''))).rejects.toThrow()
  expect(put).toEqual([])
})

test('aborted, it leaves nothing behind', async () => {
  const { upload, calls, put } = await open()
  await upload.take(rows('(1,x)'))
  upload.abort()
  expect([put, calls.has(7)]).toEqual([[], false])
})

/** A record literal of 6 bytes more. */
const large = (bytes: number): Buffer => rows(`("${'x'.repeat(bytes)}",b)`)

test('the event loop itself encodes only what is small', async () => {
  const encode = vi.spyOn(RecordEncoder.prototype, 'encode')
  const { upload, put } = await open()
  for (const bytes of [10, LARGE_ROWS_BYTES - 10, LARGE_ROWS_BYTES, 8 * MEBIBYTE]) await upload.take(large(bytes))
  await upload.commit(Buffer.from('(1,2)'))
  expect(encode.mock.calls.map(([rows]) => rows.length)).toEqual([16, LARGE_ROWS_BYTES - 4, 5])
  expect(put.map(blob => blob.length)).toEqual([
    10 + 3 + (LARGE_ROWS_BYTES - 10 + 3) + (LARGE_ROWS_BYTES + 3) + 8 * MEBIBYTE + 3 + 4,
  ])
  encode.mockRestore()
})

test('other turns come between the pieces of large rows', async () => {
  const { upload } = await open()
  let turns = 0
  let isWritten = false
  const turn = (): void => {
    turns++
    if (!isWritten) setImmediate(turn)
  }
  setImmediate(turn)
  await upload.take(large(4 * MEBIBYTE))
  isWritten = true
  expect(turns).toBeGreaterThanOrEqual(15)
  upload.abort()
})
