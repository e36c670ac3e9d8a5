import { expect, test } from 'vitest'
import { Conversions } from '../../../src/backend/conversions.ts'
import type { BackendConfig } from '../../../src/config/backend-url.ts'
import { MemoryBudget } from '../../../src/memory-budget.ts'
import { readBlobRows } from '../../../src/operations/blob-get.ts'
import { InterruptedReads } from '../../../src/operations/interrupted-reads.ts'
import type { RowsOfBlob } from '../../../src/operations/rows-of-blob.ts'
import { PgError, queryCanceled } from '../../../src/protocol/pg-error.ts'
import type { Services } from '../../../src/services.ts'
import { readDataRows } from '../../support/data-rows.ts'
import { MemoryBlob } from '../../support/memory-blob.ts'

const conversions = new Conversions({ backend: {} as BackendConfig })
const services = {
  config: {},
  conversions,
  memory: new MemoryBudget({}),
  serverMajorVersion: 18,
} as unknown as Services
const column = (name: string) => ({ name, oid: 25, typmod: -1, isDomain: false, shape: undefined })
const request = {
  call: { pid: 7, statement: '1' },
  container: 'box',
  path: 'a.csv',
  coder: 'auto',
  compression: 'auto',
  options: null,
  columns: [column('a'), column('b')],
  encoding: 'UTF8',
  clientEncoding: 'UTF8',
  withLine: false,
} as unknown as RowsOfBlob

function read(blob: MemoryBlob, changes: Partial<RowsOfBlob> = {}) {
  const abort = new AbortController()
  const reads = new InterruptedReads()
  const changed = { ...request, ...changes }
  const files = { paths: [changed.path], isPattern: false, open: () => blob }
  const rows = readBlobRows(services, changed, files, reads, abort.signal)
  return { rows, abort, reads }
}

async function all(rows: AsyncIterable<Buffer>) {
  const buffers = []
  for await (const buffer of rows) buffers.push(buffer)
  return readDataRows(buffers)
}

test('the rows of a blob arrive, wherever its chunks end', async () => {
  const { rows } = read(new MemoryBlob(['1,x\n2', ',\n', '3,"y']))
  await expect(all(rows)).rejects.toThrow('unterminated CSV quoted field')
  expect(await all(read(new MemoryBlob(['1,x\n2', ',\n', '3,"y"'])).rows)).toEqual([
    ['1', 'x'],
    ['2', null],
    ['3', 'y'],
  ])
})

test('each may say in which line it begins', async () => {
  const { rows } = read(new MemoryBlob(['1,x\n2,"x\ny"\n3,z\n']), { withLine: true })
  expect((await all(rows)).map(([line]) => line)).toEqual(['1', '2', '4'])
})

test('the coder is that of the name, unless one is asked for', async () => {
  const { rows } = read(new MemoryBlob(['1,x\ty\n']), { coder: 'tsv' })
  expect(await all(rows)).toEqual([['1,x', 'y']])
})

test('no more is read than is taken', async () => {
  let chunks = 0
  async function* endless() {
    for (;;) {
      chunks++
      yield Buffer.from('1,2\n')
    }
  }
  const blob = new MemoryBlob(endless())
  const { rows } = read(blob)
  await rows.next()
  await new Promise(setImmediate)
  expect(chunks).toBeLessThan(10)
  await rows.return(undefined)
  expect(blob.body.destroyed).toBe(true)
})

test('a row that is none says of which blob it is', async () => {
  const { rows } = read(new MemoryBlob(['1,2\n1,2,3\n']))
  await expect(all(rows)).rejects.toMatchObject({
    code: '22P04',
    context: expect.stringContaining('blob box/a.csv, line 2'),
  })
})

test('a blob that breaks off says why', async () => {
  const broken = new PgError({ message: 'the storage is broken', code: '58030' })
  async function* breaking() {
    yield Buffer.from('1,2\n')
    throw broken
  }
  await expect(all(read(new MemoryBlob(breaking())).rows)).rejects.toBe(broken)
})

test('it ends with the reason that its statement ends for', async () => {
  const blob = new MemoryBlob(['1,2\n', '3,4\n'])
  const { rows, abort } = read(blob)
  await rows.next()
  abort.abort(queryCanceled('user request'))
  await expect(all(rows)).rejects.toMatchObject({ code: '57014' })
  expect(blob.body.destroyed).toBe(true)
})
