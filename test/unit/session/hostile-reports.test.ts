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
  'PL/pgSQL ',
  'PL/pgSQL f(\n',
  'PL/pgSQL azure_storage_private.f(a',
  'PL/pgSQL azure_storage_private.f(a,a)\n',
  `PL/pgSQL azure_storage_private.f(${'a'.repeat(900)}!\n`,
  `PL/pgSQL blob_get(${'text,'.repeat(150)}!\n`,
  '/* azure_storage.blob_get: ',
  'copy ',
  'SQL\n',
  '\n',
])('a CONTEXT of %j is read in no time', unit => {
  const context = unit.repeat(MEBIBYTE / unit.length)
  const fields = new Map([
    ['C', '58P01'],
    ['M', 'azure_storage :// ftp'],
    ['W', context],
    ['q', context],
  ])
  const report = { code: BACKEND.errorResponse, bytes: errorResponse(fields) }
  const told = readErrorFields(frameBody({ ...report, bytes: withoutOwnContext(hintFileError(report)) }))
  expect(told.get('M')?.toString()).toBe('azure_storage :// ftp')
})
