import { expect, test } from 'vitest'
import { BACKEND } from '../../../src/protocol/codes.ts'
import { frameBody } from '../../../src/protocol/frame-assembler.ts'
import { errorResponse, readErrorFields } from '../../../src/protocol/messages.ts'
import { hintFileError } from '../../../src/session/file-error-hint.ts'
import { withoutOwnContext } from '../../../src/session/own-context.ts'

/*
 * Anybody can have the server say anything, in a statement that fails: were the look at it to grow faster than the text,
 * this would take minutes, or for ever.
 */
const MEBIBYTE = 1024 * 1024

test.each([
  ['the language', 'PL/pgSQL '],
  ['functions', 'PL/pgSQL f(\n'],
  ['open calls', 'PL/pgSQL azure_storage_private.f(a'],
  ['functions of ours', 'PL/pgSQL azure_storage_private.f(a,a)\n'],
  ['a long argument', `PL/pgSQL azure_storage_private.f(${'a'.repeat(900)}!\n`],
  ['many arguments', `PL/pgSQL blob_get(${'text,'.repeat(150)}!\n`],
  ['halves of names', `${'PL/pgSQL'.repeat(45)}${'account_'.repeat(80)}\n`],
  ['open places', '/* azure_storage.blob_get: '],
  ['COPYs without a URL', 'copy '],
  ['statements', 'SQL\n'],
  ['empty lines', '\n'],
])('a CONTEXT of %s is read in no time', (_, unit) => {
  const context = Buffer.from(unit.repeat(MEBIBYTE / unit.length))
  const fields = new Map<string, Buffer>([
    ['C', Buffer.from('58P01')],
    ['M', Buffer.from('azure_storage :// ftp')],
    ['W', context],
    ['q', context],
  ])
  const report = { code: BACKEND.errorResponse, bytes: errorResponse(fields) }
  const told = readErrorFields(frameBody({ ...report, bytes: withoutOwnContext(hintFileError(report)) }))
  expect(told.get('M')?.toString()).toBe('azure_storage :// ftp')
})
