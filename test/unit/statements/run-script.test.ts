import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Transfer, type TransferFacts } from '../../../src/activity/transfer.ts'
import { MemoryBudget } from '../../../src/memory-budget.ts'
import { PgError } from '../../../src/protocol/pg-error.ts'
import type { CopyStatement } from '../../../src/sql/copy-statement.ts'
import { runScript } from '../../../src/statements/run-script.ts'
import type { Step } from '../../../src/statements/script.ts'
import type { Blob } from '../../../src/storage/blob-client.ts'
import { BlobUpload } from '../../../src/storage/blob-upload.ts'
import { backend, type Line, ScriptedWire } from '../../support/scripted-wire.ts'

const copy = (direction: 'from' | 'to'): CopyStatement =>
  ({ direction, format: { format: 'csv', compression: 'none' } }) as CopyStatement
const open = (direction: 'from' | 'to'): Step => ({ kind: 'open', copy: copy(direction), challenge: 'c' })
const FROM: Step[] = [open('from'), { kind: 'copy-from', copy: copy('from') }]
const TO: Step[] = [open('to'), { kind: 'copy-to', copy: copy('to') }, { kind: 'await-commit' }]

/** What azure_storage_private.copy_open() answers. */
const OPENED: Line[] = [
  backend.rowDescription,
  backend.dataRow([null, null, '0', '8', null, null, '']),
  backend.complete('SELECT 1'),
]
const brokenStorage = new PgError({ message: 'the storage is broken', code: '08001' })

interface World {
  /** What the blob holds, if it can be read. */
  readonly blob?: string | PgError
  /** Why the blob cannot be written. */
  readonly broken?: PgError
  /** Called when the blob is committed. */
  readonly confirm?: () => Promise<void>
  readonly replies?: number
}

async function run(steps: Step[], lines: Line[], { blob = '', broken, confirm, replies }: World = {}) {
  const wire = new ScriptedWire(lines)
  const put: string[] = []
  const store: Blob = {
    download: async () => {
      if (blob instanceof PgError) throw blob
      return { body: Readable.from([Buffer.from(blob)]), size: blob.length, blobSize: blob.length, etag: 'e' } as never
    },
    upload: options =>
      new BlobUpload(
        {
          putBlob: async contents => {
            if (broken) throw broken
            put.push(contents.toString())
          },
          stageBlock: async () => {},
          commitBlocks: async () => {},
        },
        options,
      ),
  }
  const transfer = new Transfer(1, {} as TransferFacts, () => {})
  let confirmed = false
  await runScript(wire, steps, {
    openCopy: async () => ({ blob: () => store, statementTimeoutMs: 0, blockSizeMb: 1, columns: [], files: undefined }),
    spool: {},
    memory: new MemoryBudget({}),
    serverMajorVersion: 18,
    beginTransfer: () => transfer,
    confirmCommit: async () => {
      await confirm?.()
      confirmed = true
      wire.wake()
    },
    encodeError: async fields => fields,
    mapPosition: fields => fields.set('P', Buffer.from('mapped')),
    replies,
  })
  return { wire, put, told: wire.told, confirmed, transfer }
}

const untilSent = (letter: string) => (wire: ScriptedWire) => wire.until(() => wire.sent.includes(letter))

describe('A script', () => {
  it('hands all replies to the client that are to statements of its own', async () => {
    const lines = [backend.copyIn(1), backend.complete('COPY 3'), backend.notice({ M: 'n' }), backend.ready]
    const { told, wire } = await run([{ kind: 'pass' }], lines)
    expect(told).toEqual(['G', 'C COPY 3', 'N', 'Z'])
    expect(wire.clientCopyPasses).toBe(true)
  })

  it('imports a blob', async () => {
    const lines = [...OPENED, backend.copyIn(2), untilSent('c'), backend.complete('COPY 2'), backend.ready]
    const { told, wire } = await run(FROM, lines, { blob: '1,2\n3,4\n' })
    expect([told, wire.copied, wire.sent]).toEqual([['C COPY 2', 'Z'], '1,2\n3,4\n', ['c', 'H']])
  })

  it('tells why a blob cannot be read in the place of what the backend makes of it', async () => {
    const failed = backend.error({ C: '57014', M: 'COPY from stdin failed', W: 'COPY t, line 1' })
    const lines = [...OPENED, backend.copyIn(2), untilSent('f'), failed, backend.ready]
    const { told } = await run(FROM, lines, { blob: brokenStorage })
    expect(told).toEqual(['E SERROR VERROR C08001 Mthe storage is broken', 'Z'])
  })

  it('exports into a blob, and tells so when that is committed', async () => {
    const rows = [backend.copyOut(2), backend.copyData('1,2\n'), backend.copyData('3,4\n'), backend.copyDone]
    const untilConfirmed = async (wire: ScriptedWire) => {
      expect(wire.told).toEqual([])
      await wire.until(() => confirmed)
    }
    let confirmed = false
    const lines = [
      ...OPENED,
      ...rows,
      backend.complete('COPY 2'),
      untilConfirmed,
      backend.complete('SELECT 1'),
      backend.ready,
    ]
    const { told, put } = await run(TO, lines, {
      confirm: async () => {
        confirmed = true
      },
    })
    expect([told, put]).toEqual([['C COPY 2', 'Z'], ['1,2\n3,4\n']])
  })

  it('has the backend cancelled that waits for a blob that cannot be written', async () => {
    const rows = [backend.copyOut(2), backend.copyData('1,2\n'), backend.copyDone, backend.complete('COPY 1')]
    const cancelled = backend.error({ C: '57014', M: 'canceling statement due to user request' })
    const lines = [...OPENED, ...rows, untilSent('cancel'), cancelled, backend.ready]
    const { told, confirmed } = await run(TO, lines, { broken: brokenStorage })
    expect([told, confirmed]).toEqual([['E SERROR VERROR C08001 Mthe storage is broken', 'Z'], false])
  })

  it('cancels again where the backend says that it begins to wait', async () => {
    const rows = [backend.copyOut(2), backend.copyDone, backend.complete('COPY 0')]
    const again = (wire: ScriptedWire) => wire.until(() => wire.sent.filter(sent => sent === 'cancel').length === 2)
    const cancelled = backend.error({ C: '57014', M: 'x' })
    const notice = backend.notice({ M: 'waiting' })
    const lines = [...OPENED, ...rows, untilSent('cancel'), notice, again, cancelled, backend.ready]
    expect((await run(TO, lines, { broken: brokenStorage })).told).toHaveLength(2)
  })

  it('breaks where a commit breaks that the backend waits for', async () => {
    const rows = [backend.copyOut(2), backend.copyDone, backend.complete('COPY 0')]
    const forever = () => new Promise<void>(() => {})
    const confirm = () => Promise.reject(new Error('lock lost'))
    await expect(run(TO, [...OPENED, ...rows, forever], { confirm })).rejects.toThrow('lock lost')
  })

  it('ends an import when the client cancels it', async () => {
    const asked = async (wire: ScriptedWire) => wire.cancel?.()
    const failed = backend.error({ C: '57014', M: 'COPY from stdin failed' })
    const lines = [...OPENED, backend.copyIn(1), asked, untilSent('f'), failed, backend.ready]
    const { told } = await run(FROM, lines, { blob: '1\n' })
    expect(told).toEqual(['E SERROR VERROR C57014 Mcanceling statement due to user request', 'Z'])
  })

  it('passes what comes after an error, and nothing else as its own', async () => {
    const lines = [backend.error({ C: '42P01', M: 'no t', P: '7' }), backend.ready]
    expect((await run(FROM, lines)).told).toEqual(['E C42P01 Mno t Pmapped', 'Z'])
  })

  it('says what is missing where the extension is not installed', async () => {
    const lines = [backend.error({ C: '3F000', M: 'schema "azure_storage_private" does not exist' }), backend.ready]
    expect((await run(FROM, lines)).told[0]).toContain('the extension is not installed in this database')
  })

  it('hides where in a statement of its own an error came', async () => {
    const lines = [backend.error({ C: '42501', M: 'denied', W: 'PL/pgSQL function x' }), backend.ready]
    expect((await run([{ kind: 'retag', tag: 'CREATE EXTENSION' }], lines)).told[0]).toBe('E C42501 Mdenied')
  })

  it('gives the work of another statement the name of the client’s', async () => {
    const notice = backend.notice({ M: 'exists, skipping', W: 'PL/pgSQL function x' })
    const lines = [notice, backend.complete('DO'), backend.ready]
    const { told, wire } = await run([{ kind: 'retag', tag: 'CREATE EXTENSION' }], lines)
    expect(told).toEqual(['N', 'C CREATE EXTENSION', 'Z'])
    expect(wire.replies[0]?.toString()).not.toContain('PL/pgSQL')
  })

  it.each([
    ['P0001', 'E SERROR VERROR C08001 Mthe storage is broken'],
    ['42501', 'E C42501 Mx'],
  ])('refuses with its own error, unless the statement fails for another reason (%s)', async (code, told) => {
    const lines = [backend.error({ C: code, M: 'x' }), backend.ready]
    expect((await run([{ kind: 'refuse', error: brokenStorage }], lines)).told).toEqual([told, 'Z'])
  })

  it('ends after so many replies in the extended protocol, or with an error', async () => {
    const lines = [backend.complete('SELECT 1'), backend.complete('SELECT 2'), backend.complete('SELECT 3')]
    expect((await run([], lines, { replies: 2 })).told).toEqual(['C SELECT 1', 'C SELECT 2'])
    expect((await run([], [backend.error({ C: '22012', M: 'x' })], { replies: 2 })).told).toEqual(['E C22012 Mx'])
  })
})
