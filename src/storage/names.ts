import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

// https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
const ACCOUNT_NAME = /^[a-z0-9]{3,24}$/
const CONTAINER_NAME = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/
const SYSTEM_CONTAINERS: ReadonlySet<string> = new Set(['$root', '$web', '$logs'])
const MAX_BLOB_NAME_LENGTH = 1024

export const isAccountName = (name: string): boolean => ACCOUNT_NAME.test(name)

/** Throws unless `name` is one Azure would accept for a storage account. */
export function checkAccountName(name: string): void {
  if (isAccountName(name)) return
  throw new PgError({
    message: `azure_storage: invalid storage account name: ${name}`,
    code: SQLSTATE.invalidParameterValue,
    hint: 'A storage account name has 3 to 24 lower-case letters and digits.',
  })
}

export const isContainerName = (name: string): boolean => CONTAINER_NAME.test(name) || SYSTEM_CONTAINERS.has(name)

/** Throws unless `name` is one Azure would accept for a container. */
export function checkContainerName(name: string): void {
  if (isContainerName(name)) return
  throw new PgError({
    message: `azure_storage: invalid container name: ${name}`,
    code: SQLSTATE.invalidParameterValue,
    hint: 'A container name has 3 to 63 lower-case letters, digits and single hyphens, and begins and ends with a letter or digit.',
  })
}

/** Throws unless `path` can name a blob over HTTP. */
export function checkBlobPath(path: string): void {
  if (path === '') throw invalidBlobPath('The name of a blob cannot be empty.')
  if (path.length > MAX_BLOB_NAME_LENGTH) {
    throw invalidBlobPath(`The name has ${path.length} characters, and at most ${MAX_BLOB_NAME_LENGTH} are allowed.`)
  }
  // URL normalisation would resolve these segments, and another blob or container would be meant.
  if (path.split('/').some(segment => segment === '.' || segment === '..')) {
    throw invalidBlobPath('The name has a path segment "." or "..".')
  }
}

function invalidBlobPath(detail: string): PgError {
  return new PgError({ message: 'azure_storage: invalid blob name', code: SQLSTATE.invalidParameterValue, detail })
}
