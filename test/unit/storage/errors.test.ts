import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { PgError } from '../../../src/protocol/pg-error.ts'
import { noAnswer, type RequestContext, toPgError } from '../../../src/storage/errors.ts'

const registered: RequestContext = { account: 'acct', anonymous: false, operation: 'download' }
const unregistered: RequestContext = { ...registered, anonymous: true }

/** As the SDK makes them: what the service said is in the headers. */
function restError(statusCode: number | undefined, code: string): Error {
  const headers = new Map([
    ['x-ms-error-code', code],
    ['x-ms-request-id', 'req-1'],
  ])
  const response = statusCode === undefined ? undefined : { headers }
  const request = { url: 'https://acct.blob.core.windows.net/c/b?sig=secret' }
  return Object.assign(new Error('secret'), { name: 'RestError', statusCode, code, response, request })
}

it('calls a service that stays silent a connection error', () => {
  expect(noAnswer(registered, 60)).toMatchObject({
    message: 'azure_storage: internal error while connecting',
    code: '08001',
    detail: 'The download failed for storage account "acct": no answer for 60 seconds.',
  })
})

describe('toPgError', () => {
  it.each([
    [404, 'ContainerNotFound', 'container with the given name does not exist', '58P01'],
    [409, 'ContainerBeingDeleted', 'container with the given name does not exist', '58P01'],
    [404, 'BlobNotFound', 'blob with the given name does not exist', '58P01'],
    [401, 'InvalidAuthenticationInfo', 'Permission is not sufficient to perform requested operation', '42501'],
    [403, 'AuthenticationFailed', 'Permission is not sufficient to perform requested operation', '42501'],
    [403, 'AuthorizationPermissionMismatch', 'Permission is not sufficient to perform requested operation', '42501'],
    [412, 'ConditionNotMet', 'the blob was changed while it was read', '55000'],
    [400, 'InvalidBlockList', 'the blob was written by someone else at the same time', '55000'],
    [503, 'ServerBusy', 'internal error while connecting', '08001'],
    [412, 'LeaseIdMissing', 'the blob is leased by someone else', '55006'],
    [412, 'LeaseIdMismatchWithBlobOperation', 'the blob is leased by someone else', '55006'],
    [412, 'LeaseIdMismatchWithContainerOperation', 'the container is leased by someone else', '55006'],
    [412, 'LeaseLost', 'the lease on the blob has ended', '55000'],
    [409, 'BlobImmutableDueToPolicy', 'the blob is protected by an immutability policy or a legal hold', '55000'],
    [409, 'BlobImmutableDueToLegalHold', 'the blob is protected by an immutability policy or a legal hold', '55000'],
    [409, 'BlobArchived', 'the blob is in the archive tier', '55000'],
    [409, 'BlobBeingRehydrated', 'the blob is still on its way from the archive tier', '55000'],
    [409, 'SnapshotsPresent', 'the blob has snapshots, which must be deleted first', '55000'],
    [409, 'InvalidBlobType', 'the blob is no block blob', '55000'],
    [409, 'SystemInUse', 'the storage service refused the request', '58030'],
  ])('says of %i %s: %s', (status, code, message, sqlState) => {
    expect(toPgError(restError(status, code), registered)).toMatchObject({
      message: `azure_storage: ${message}`,
      code: sqlState,
      detail: `The download failed for storage account "acct": ${code} (HTTP status ${status}, request ID req-1).`,
    })
  })

  it('does not speak of reading where a precondition stops a write, or a listing', () => {
    const message = (operation: RequestContext['operation']) =>
      toPgError(restError(412, 'ConditionNotMet'), { ...registered, operation }).message
    expect(message('upload')).toBe('azure_storage: the blob was not written, because a precondition is not met')
    expect(message('list')).toBe('azure_storage: the storage service refused the request')
  })

  it.each(['ENOTFOUND', 'ECONNREFUSED', 'ETIMEDOUT', 'ECONNRESET'])('calls %s a connection error', code => {
    expect(toPgError(restError(undefined, code), registered)).toMatchObject({
      message: 'azure_storage: internal error while connecting',
      code: '08001',
      detail: `The download failed for storage account "acct": ${code}.`,
    })
  })

  it.each([
    [401, 'NoAuthenticationInformation'],
    [403, 'AuthorizationFailure'],
    [404, 'ResourceNotFound'],
    [409, 'PublicAccessNotPermitted'],
  ])('misses credentials when an anonymous request gets %i %s', (status, code) => {
    expect(toPgError(restError(status, code), unregistered)).toMatchObject({
      message: 'azure_storage: missing storage credentials',
      code: '28000',
      hint: "Use SELECT azure_storage.account_add('<account name>', '<access key>')",
    })
  })

  it('still tells an anonymous reader of a public container that a blob is missing', () => {
    expect(toPgError(restError(404, 'BlobNotFound'), unregistered)).toMatchObject({ code: '58P01' })
  })

  it('shows nothing of the request', () => {
    for (const context of [registered, unregistered]) {
      expect(inspect(toPgError(restError(403, 'AuthenticationFailed'), context))).not.toContain('secret')
    }
  })

  it('leaves aborts and PgErrors alone', () => {
    const abort = new DOMException('stop', 'AbortError')
    const ours = new PgError({ message: 'ours', code: '22023' })
    expect(toPgError(abort, registered)).toBe(abort)
    expect(toPgError(ours, registered)).toBe(ours)
  })
})
