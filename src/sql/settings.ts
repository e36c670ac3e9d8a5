import { totalmem } from 'node:os'
import { constrainedMemory } from 'node:process'
import type { PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** One of the azure_storage.* settings, as Microsoft's pages have it. */
export interface Setting {
  readonly name: string
  readonly type: 'bool' | 'enum' | 'integer' | 'string'
  readonly initial: string
  readonly description: string
}

const PREFIX = 'azure_storage.'

/** From verbose to terse. */
export const LOG_LEVELS: readonly string[] = [
  ...['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'info'],
  ...['notice', 'warning', 'error', 'log', 'fatal', 'panic'],
]

export const BLOCK_SIZE = `${PREFIX}blob_block_size_mb`
export const ENCRYPTION_KEY = `${PREFIX}credential_encryption_key`

export const SETTINGS: readonly Setting[] = [
  {
    name: `${PREFIX}allow_network_access`,
    type: 'bool',
    initial: 'on',
    description: 'Allow accessing the Azure Blob Storage from azure_storage extension.',
  },
  {
    name: BLOCK_SIZE,
    type: 'integer',
    initial: String(blockSize(memory())),
    description: 'Blob block size in megabytes for blob_put in extension azure_storage.',
  },
  {
    name: ENCRYPTION_KEY,
    type: 'string',
    initial: '',
    description: 'Passphrase that the credentials of storage accounts are encrypted with.',
  },
  {
    name: `${PREFIX}enable_copy_command`,
    type: 'bool',
    initial: 'on',
    description: 'Allow COPY from and to Azure Blob Storage.',
  },
  {
    name: `${PREFIX}log_level`,
    type: 'enum',
    initial: 'log',
    description: 'Log level used by the azure_storage extension.',
  },
  {
    name: `${PREFIX}public_account_access`,
    type: 'bool',
    initial: 'on',
    description: 'Allow all users to access data in storage accounts for which there are no credentials.',
  },
]

/** In MiB, of a machine with so many bytes of memory: Microsoft's formula. */
export function blockSize(memoryBytes: number): number {
  return Math.min(3072, Math.max(128, Math.round(memoryBytes / 2 ** 30) * 32))
}

/** The machine's, or what a container may have of it. */
function memory(): number {
  const limit = constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

export const isSetting = (name: string): boolean => SETTINGS.some(setting => setting.name === name)

/** Whatever parse_bool() of PostgreSQL takes. */
const BOOLEAN = /^(?:t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|1|0)$/i

/** Why one of the settings cannot have that value, in PostgreSQL's words; without a value: why it cannot change at all. */
export function checkSetting(name: string, value: string | undefined): PgErrorFields | undefined {
  const type = SETTINGS.find(setting => setting.name === name)?.type
  if (type === 'integer') {
    return { message: `parameter "${name}" cannot be changed`, code: SQLSTATE.cantChangeRuntimeParam }
  }
  if (value === undefined) return undefined
  if (type === 'bool' && !BOOLEAN.test(value)) {
    return { message: `parameter "${name}" requires a Boolean value`, code: SQLSTATE.invalidParameterValue }
  }
  if (type === 'enum' && !LOG_LEVELS.includes(value.toLowerCase())) {
    return {
      message: `invalid value for parameter "${name}": "${value}"`,
      code: SQLSTATE.invalidParameterValue,
      hint: `Available values: ${LOG_LEVELS.join(', ')}.`,
    }
  }
  return undefined
}
