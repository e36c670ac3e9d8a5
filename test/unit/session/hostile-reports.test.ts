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
  ['functions', 'PL/pgSQL f(
'],
  ['open calls', 'PL/pgSQL azure_storage_private.f(a'],
  ['functions of ours', 'PL/pgSQL azure_storage_private.f(a,a)
'],
  ['a long argument', `PL/pgSQL azure_storage_private.f(${'a'.repeat(900)}!
`],
  ['many arguments', `PL/pgSQL blob_get(${'text,'.repeat(150)}!
`],
  ['open places', '/* azure_storage.blob_get: '],
  ['COPYs without a URL', 'copy '],
  ['statements', 'SQL
'],
  ['empty lines', '
'],
])('a CONTEXT of %s is read in no time', (_, unit) => {
  const context = unit.repeat(MEBIBYTE / unit.length)
  const [code, message, text] = ['58P01', 'azure_storage :// ftp', context].map(value => Buffer.from(value)) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const fields = new Map([['C', code] as const, ['M', message] as const, ['W', text] as const, ['q', text] as const])
  const report = { code: BACKEND.errorResponse, bytes: errorResponse(fields) }
  const told = readErrorFields(frameBody({ ...report, bytes: withoutOwnContext(hintFileError(report)) }))
  expect(told.get('M')?.toString()).toBe('azure_storage :// ftp')
})
