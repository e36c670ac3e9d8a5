import { availableParallelism } from 'node:os'
import { isAccountName, isContainerName } from '../storage/names.ts'
import { type Address, badValue, ConfigError, type Given, parseAddress, parseBytes } from './values.ts'

export const CREDENTIAL_KEY_LENGTH = 32
const MIN_ROW_BYTES = 64 * 1024
/** PostgreSQL takes no more for a row. */
const MAX_ROW_BYTES = 1000 * 1024 * 1024

export function parseRowSize(given: Given): number {
  const bytes = parseBytes(given)
  if (bytes < MIN_ROW_BYTES || bytes > MAX_ROW_BYTES) throw badValue(given, 'a size of 64kB to 1000MB')
  return bytes
}

/** More than a machine has cores for is a mistake. */
const MAX_WORKERS = 256

export function parseWorkers(given: Given): number {
  if (given.value === 'auto') return availableParallelism()
  const isCount = /^[1-9]\d{0,2}$/.test(given.value) && Number(given.value) <= MAX_WORKERS
  if (!isCount) throw badValue(given, `a number from 1 to ${MAX_WORKERS}, or auto`)
  return Number(given.value)
}

export function parseHttp(given: Given): Address | 'off' {
  return given.value === 'off' ? 'off' : parseAddress(given)
}

/** As many as a process may take away from others now and then. */
export function parseMicroseconds(given: Given): number {
  if (!/^\d{1,4}$/.test(given.value)) throw badValue(given, 'a number from 0 to 9999')
  return Number(given.value)
}

export function parseCredentialKey({ name, value }: Given): string {
  if (value.length >= CREDENTIAL_KEY_LENGTH) return value
  throw new ConfigError(`${name}: expected at least ${CREDENTIAL_KEY_LENGTH} random characters`)
}

/** Of the roles that PostgreSQL takes, those that need no quoting in its files, and that Azure takes too. */
export function parseAdminUser(given: Given): string {
  const { value } = given
  if (/^(?!pg_|postgres$)[A-Za-z_][\w$.-]{0,62}$/.test(value)) return value
  throw badValue(given, 'a name for a new role')
}

/** Of a database: not a template's, nor one of those that snapshots are made of. */
export function parseDatabaseName(given: Given): string {
  const { value } = given
  if (Buffer.byteLength(value) <= 63 && !/^(?:template[01]$|blobgres_(?:stack$|snapshot_|new_|old_))/.test(value))
    return value
  throw badValue(given, 'a name for a database')
}

/** A secret: no error quotes it. */
export function parseAccountKey({ name, value }: Given): string {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(value) && value.length % 4 === 0) return value
  throw new ConfigError(`${name}: expected a key in base64`)
}

export function parseAccounts({ name, value }: Given): readonly string[] {
  return value.split(',').map(each => {
    const account = each.trim()
    if (!isAccountName(account)) throw badValue({ name, value: account }, 'the name of a storage account')
    return account
  })
}

export function parseContainers({ name, value }: Given): readonly string[] {
  return value.split(',').map(each => {
    const container = each.trim()
    if (!isContainerName(container)) throw badValue({ name, value: container }, 'the name of a container')
    return container
  })
}

/** Of a snapshot. */
export function parseSnapshotName({ name, value }: Given): string {
  if (/^[\w.-]{1,63}$/.test(value) && value !== 'initial') return value
  throw badValue({ name, value }, 'a name of letters, digits and _.-, other than "initial"')
}
