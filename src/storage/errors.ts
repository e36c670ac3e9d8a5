import { IdentityError } from '../credentials/managed-identity.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE, type SqlState } from '../protocol/sqlstate.ts'

export interface RequestContext {
  readonly account: string
  readonly anonymous: boolean
  readonly operation: 'download' | 'upload' | 'list'
}

/** What is read of the SDK's RestError. Its message, request and response can hold secrets, and are left alone. */
interface ServiceError {
  readonly code?: string
  readonly statusCode?: number
  readonly response?: { readonly headers: { get(name: string): string | undefined } }
}

interface Rule {
  readonly message: string
  readonly sqlState: SqlState
  readonly hint?: string
}

const missingCredentials: Rule = {
  message: 'missing storage credentials',
  sqlState: SQLSTATE.invalidAuthorizationSpecification,
  hint: "Use SELECT azure_storage.account_add('<account name>', '<access key>')",
}
const insufficientPermission: Rule = {
  message: 'Permission is not sufficient to perform requested operation',
  sqlState: SQLSTATE.insufficientPrivilege,
}
const noContainer: Rule = {
  message: 'container with the given name does not exist',
  sqlState: SQLSTATE.undefinedFile,
}
const noBlob: Rule = { message: 'blob with the given name does not exist', sqlState: SQLSTATE.undefinedFile }
const changedMeanwhile: Rule = {
  message: 'the blob was changed while it was read',
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
}
const writtenMeanwhile: Rule = {
  message: 'the blob was written by someone else at the same time',
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
}
const leased = (what: 'blob' | 'container'): Rule => ({
  message: `the ${what} is leased by someone else`,
  sqlState: SQLSTATE.objectInUse,
  hint: 'Wait until the lease ends, or break it.',
})
const conditionOfWrite: Rule = {
  message: 'the blob was not written, because a precondition is not met',
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
}
const immutable: Rule = {
  message: 'the blob is protected by an immutability policy or a legal hold',
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
  hint: 'Write to another name, or wait until the protection ends.',
}
const archived: Rule = {
  message: 'the blob is in the archive tier',
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
  hint: 'Rehydrate it to an online tier first.',
}
const noConnection: Rule = {
  message: 'internal error while connecting',
  sqlState: SQLSTATE.sqlclientUnableToEstablishSqlconnection,
}
const redirected: Rule = {
  message: 'the storage service answered with a redirect, which is not followed',
  sqlState: SQLSTATE.ioError,
}
const refused: Rule = { message: 'the storage service refused the request', sqlState: SQLSTATE.ioError }

const notReady = (message: string, hint?: string): Rule => ({
  message,
  sqlState: SQLSTATE.objectNotInPrerequisiteState,
  ...(hint && { hint }),
})

/**
 * The service's own error codes, where they say more than the HTTP status
 * (https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
 */
const BY_CODE: Readonly<Record<string, Rule>> = {
  ContainerNotFound: noContainer,
  ContainerBeingDeleted: noContainer,
  BlobNotFound: noBlob,
  InvalidBlockList: writtenMeanwhile,
  LeaseIdMissing: leased('blob'),
  LeaseIdMismatchWithBlobOperation: leased('blob'),
  LeaseIdMismatchWithContainerOperation: leased('container'),
  LeaseAlreadyPresent: leased('blob'),
  LeaseIsBreakingAndCannotBeAcquired: leased('blob'),
  LeaseLost: notReady('the lease on the blob has ended'),
  LeaseNotPresentWithBlobOperation: notReady('there is no lease on the blob'),
  LeaseNotPresentWithContainerOperation: notReady('there is no lease on the container'),
  BlobModifiedWhileReading: changedMeanwhile,
  BlobAlreadyExists: notReady('the blob exists and may not be overwritten', 'Write to another name.'),
  BlobImmutableDueToPolicy: immutable,
  BlobImmutableDueToLegalHold: immutable,
  ContainerImmutabilityPolicyLocked: immutable,
  ContainerHasLegalHold: immutable,
  BlobArchived: archived,
  BlobNotRehydrated: archived,
  BlobBeingRehydrated: notReady('the blob is still on its way from the archive tier', 'Wait until it is rehydrated.'),
  SnapshotsPresent: notReady('the blob has snapshots, which must be deleted first'),
  PendingCopyOperation: notReady('a copy to the blob is under way', 'Wait until it ends, or abort it.'),
  InvalidBlobType: notReady('the blob is no block blob', 'Delete it, or write to another name.'),
  BlobOperationNotSupported: notReady('the blob does not allow the operation', 'Delete it, or write to another name.'),
  BlobUsesCustomerSpecifiedEncryption: notReady('the blob is encrypted with a key of its own, which must be given'),
  ContainerDisabled: notReady('the container is disabled'),
  // Where an account is no host name of its own (Azurite), this is how an unknown host looks.
  ResourceNotFound: noConnection,
  InvalidAuthenticationInfo: insufficientPermission,
}
/** The service accepts clocks that differ by less. */
const MIN_CLOCK_MINUTES = 5
/** How the service answers a request without credentials for what is not public. */
const ANONYMOUS_REFUSALS: ReadonlySet<string> = new Set([
  'ResourceNotFound',
  'PublicAccessNotPermitted',
  'NoAuthenticationInformation',
])

/** What the client sees of a failed request. Aborts and errors that are the client's already stay what they are. */
export function toPgError(error: unknown, context: RequestContext): Error {
  if (error instanceof PgError || isAbort(error)) return error
  if (error instanceof IdentityError) return connectionError(context, error.message)
  if (isCutOff(error)) return connectionLost(context)
  const { code, statusCode, response } = error as ServiceError
  const serviceCode = response?.headers.get('x-ms-error-code') ?? code
  const rule = ruleFor(serviceCode, statusCode, context)
  return new PgError({
    message: `azure_storage: ${rule.message}`,
    code: rule.sqlState,
    detail: describe(context, serviceCode, statusCode, response?.headers.get('x-ms-request-id')),
    hint: rule.hint ?? clockHint(statusCode, response?.headers.get('date')),
    // A RestError carries the request, and with it the credentials.
    cause: error instanceof Error && error.name !== 'RestError' ? error : undefined,
  })
}

/** Whether the connection was closed in the midst of an answer that the SDK reads itself. */
export function isCutOff(error: unknown): boolean {
  const { code, statusCode } = error as ServiceError
  return code === 'PARSE_ERROR' && statusCode === undefined
}

/** The error of a service that stays silent. */
export function noAnswer(context: RequestContext, seconds: number): PgError {
  return connectionError(context, `no answer for ${Math.round(seconds)} seconds`)
}

/** The error of a connection that breaks again and again. */
export function connectionLost(context: RequestContext): PgError {
  return connectionError(context, 'the connection was closed before the end')
}

/** The error of an answer that begins elsewhere in the blob. */
export function otherRange(context: RequestContext): PgError {
  return connectionError(context, 'the answer is not the part of the blob that was asked for')
}

/** The SDK sends tokens over TLS alone, and says so with an error that nobody would understand. */
export function insecureEndpoint(account: string): PgError {
  return new PgError({
    message: `azure_storage: ${noConnection.message}`,
    code: noConnection.sqlState,
    detail: `Managed identity needs an https:// endpoint, and that of storage account "${account}" is none.`,
  })
}

function isAbort(error: unknown): error is Error {
  return error instanceof Error && error.name === 'AbortError'
}

function ruleFor(code: string | undefined, status: number | undefined, context: RequestContext): Rule {
  if (status === undefined || status >= 500) return noConnection
  const unauthorized = status === 401 || status === 403
  if (context.anonymous && (unauthorized || (code !== undefined && ANONYMOUS_REFUSALS.has(code)))) {
    return missingCredentials
  }
  if (unauthorized) return insufficientPermission
  const rule = code === undefined ? undefined : BY_CODE[code]
  if (rule !== undefined) return rule
  if (status >= 300 && status < 400) return redirected
  if (status === 404) return noBlob
  // Of conditions of our own there is one: that a blob is still the version that is being read.
  if (status === 412 && context.operation === 'download') return changedMeanwhile
  if (status === 412 && context.operation === 'upload') return conditionOfWrite
  return refused
}

/** A signature is good for a quarter of an hour, by the service's clock. */
function clockHint(status: number | undefined, date: string | undefined): string | undefined {
  if (status !== 403 || date === undefined) return undefined
  const minutes = Math.round((Date.parse(date) - Date.now()) / 60_000)
  if (!(Math.abs(minutes) >= MIN_CLOCK_MINUTES)) return undefined
  const direction = minutes > 0 ? 'behind' : 'ahead of'
  return `The proxy's clock is ${Math.abs(minutes)} minutes ${direction} the storage service's.`
}

function connectionError(context: RequestContext, reason: string): PgError {
  return new PgError({
    message: `azure_storage: ${noConnection.message}`,
    code: noConnection.sqlState,
    detail: describe(context, reason, undefined, undefined),
  })
}

function describe(
  context: RequestContext,
  code: string | undefined,
  status: number | undefined,
  requestId: string | undefined,
): string {
  const what = `The ${context.operation} failed for storage account "${context.account}"`
  const reason = code ?? 'an unknown reason'
  if (status === undefined) return `${what}: ${reason}.`
  return `${what}: ${reason} (HTTP status ${status}${requestId === undefined ? '' : `, request ID ${requestId}`}).`
}
