import {
  type ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobService, createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { type ClientError, errorsByDriver, errorsByPsql } from '../support/client-errors.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { uniqueName } from '../support/database.ts'
import { type RecordingStorage, refusalInUrl, startRecordingStorage } from '../support/recording-storage.ts'
import { azurite, servers } from '../support/servers.ts'
import { OPERATIONS, type Operation, type OperationTarget, statementOf } from '../support/storage-operations.ts'
import { needTool } from '../support/tools.ts'

/** When operations fail, and how. */
interface Row {
  readonly when: string
  /** Statements before it, in its transaction. */
  readonly given?: readonly string[]
  /** What is not as it should be; of the first account's container and its blob a.csv otherwise. */
  readonly target?: Partial<OperationTarget>
  /** Why some operations cannot fail so. */
  readonly except?: Partial<Record<Operation, string>>
  readonly error: Omit<ClientError, 'detail' | 'hint'> & Partial<ClientError>
  /** What the service said, or that it did not; it is in the DETAIL, or else there is none. */
  readonly said?: string
}

const MISSING_CREDENTIALS = {
  code: '28000',
  message: 'azure_storage: missing storage credentials',
  hint: "Use SELECT azure_storage.account_add('<account name>', '<access key>')",
}
const NO_PERMISSION = {
  code: '42501',
  message: 'azure_storage: Permission is not sufficient to perform requested operation',
}
const NO_CONNECTION = { code: '08001', message: 'azure_storage: internal error while connecting' }
const INVALID_CREDENTIALS = { code: '22023', message: 'azure_storage: storage credentials invalid format' }
const UNKNOWN_ENDING =
  "azure_storage: could not infer file encoding from extension: 'dat', use a supported extension [csv, csv.gz, tsv, " +
  'tsv.gz, json, json.gz, xml, xml.gz, txt, txt.gz, parquet], or specify the decoder argument if you are using blob_get ' +
  'or format if using COPY FROM/TO'

/** Accounts that no emulator has, by how the service answers in their name. */
const ANSWERS: Readonly<Record<string, readonly [status: number, code: string]>> = {
  noauthentication: [401, 'NoAuthenticationInformation'],
  notpublic: [409, 'PublicAccessNotPermitted'],
  notfound: [404, 'ResourceNotFound'],
  badtoken: [401, 'InvalidAuthenticationInfo'],
  badsignature: [403, 'AuthenticationFailed'],
  wrongrights: [403, 'AuthorizationPermissionMismatch'],
  firewalled: [403, 'AuthorizationFailure'],
  disabled: [403, 'AccountIsDisabled'],
  busy: [503, 'ServerBusy'],
}
const UNREACHABLE: Readonly<Record<string, string>> = {
  refusing: 'http://127.0.0.1:1',
  unknownhost: 'http://no-such-host.invalid',
}
const UNREGISTERED = ['noauthentication', 'notpublic', 'notfound']

const answer = (status: number, code: string) => `${code} (HTTP status ${status}, request ID …)`
const answerOf = (name: string) => answer(...(ANSWERS[name] as [number, string]))

const WRITES = { 'COPY TO': 'it makes the blob', blob_put: 'it makes the blob' }
const LISTS = { blob_list: 'it looks into no blob' }
const READS_ALL = { blob_list: 'a prefix that no blob has gives no rows' }

describe.each(servers)('every error of the specification on PostgreSQL $version', server => {
  let stack: CopyStack
  let refusing: RecordingStorage
  let foreign: ContainerClient
  let readable: ContainerClient
  const plain = uniqueName('plain')
  beforeAll(async () => {
    refusing = await startRecordingStorage()
    refusing.answer = refusalInUrl
    const answers = Object.entries(ANSWERS).map(
      ([name, [status, code]]) => [name, `http://127.0.0.1:${refusing.port}/${status}/${code}`] as const,
    )
    const accounts = new Map([...answers, ...Object.entries(UNREACHABLE)])
    stack = await startCopyStack(server, { storageEndpoints: { defaultTemplate: azurite.endpointTemplate, accounts } })
    for (const name of [...accounts.keys(), 'absent']) {
      if (!UNREGISTERED.includes(name)) await stack.client.query(add(name, account.key))
    }
    await stack.client.query(`CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'); GRANT ALL ON t TO PUBLIC;
      CREATE ROLE ${plain}`)
    await stack.put('a.csv', '1,x\n')
    await stack.put('a.txt', 'x')
    foreign = await createContainer('private', 'devacct2')
    readable = blobService('devacct2').getContainerClient(uniqueName('readable').replace('_', '-'))
    await readable.create({ access: 'blob' })
  })
  afterAll(async () => {
    await stack.client.query(`DROP ROLE ${plain}`)
    await stack.close()
    await refusing.close()
    await Promise.all([foreign.delete(), readable.delete()])
  })

  const add = (name: string, credential: string) => `SELECT azure_storage.account_add('${name}', '${credential}')`
  const withSas = (permissions: string, options: { container?: string; minutes?: number } = {}) => {
    const { container = stack.container.containerName, minutes = 5 } = options
    const expiresOn = new Date(Date.now() + minutes * 60_000)
    const startsOn = new Date(Date.now() - 3_600_000)
    const sas = generateBlobSASQueryParameters(
      { containerName: container, permissions: ContainerSASPermissions.parse(permissions), startsOn, expiresOn },
      new StorageSharedKeyCredential(account.name, account.key),
    )
    return [add(account.name, `?${sas}`)]
  }
  const passphrase = (text: string) => `SET LOCAL azure_storage.credential_encryption_key = '${text}'`

  // One is missing: a service that stays silent, which is given up after a minute.
  const rows = (): Row[] => [
    {
      when: 'the account is not registered, and the container private',
      target: { account: 'devacct2', container: foreign.containerName },
      error: MISSING_CREDENTIALS,
      said: answer(403, 'AuthorizationFailure'),
    },
    {
      when: 'the account is not registered, and only blobs of the container are public',
      target: { account: 'devacct2', container: readable.containerName },
      except: { 'COPY FROM': 'it may read', blob_get: 'it may read' },
      error: MISSING_CREDENTIALS,
      said: answer(403, 'AuthorizationFailure'),
    },
    ...UNREGISTERED.map(name => ({
      when: `the account is not registered, and Azure says ${answerOf(name)}`,
      target: { account: name },
      error: MISSING_CREDENTIALS,
      said: answerOf(name),
    })),
    {
      when: 'the account is not registered, and public access is off',
      given: ['SET LOCAL azure_storage.public_account_access = off'],
      target: { account: 'devacct2' },
      error: MISSING_CREDENTIALS,
    },
    {
      when: 'the current role is not granted',
      given: [`SET LOCAL ROLE ${plain}`],
      error: {
        code: '42501',
        message: `azure_storage: current user ${plain} is not allowed to use storage account ${account.name}`,
      },
    },
    {
      when: 'the key is of another account',
      given: [add(account.name, Buffer.from('another key').toString('base64'))],
      error: NO_PERMISSION,
      said: answer(403, 'AuthorizationFailure'),
    },
    {
      when: 'the SAS is for another container',
      given: withSas('rwl', { container: 'another' }),
      error: NO_PERMISSION,
      said: answer(403, 'AuthorizationFailure'),
    },
    {
      when: 'the SAS is for deleting',
      given: withSas('d'),
      error: NO_PERMISSION,
      said: answer(403, 'AuthorizationPermissionMismatch'),
    },
    {
      when: 'the SAS is for reading',
      given: withSas('r'),
      except: { 'COPY FROM': 'it may read', blob_get: 'it may read' },
      error: NO_PERMISSION,
      said: answer(403, 'AuthorizationPermissionMismatch'),
    },
    {
      when: 'the SAS has expired',
      given: withSas('rwl', { minutes: -5 }),
      error: NO_PERMISSION,
      said: answer(403, 'AuthorizationFailure'),
    },
    ...['badtoken', 'badsignature', 'wrongrights', 'firewalled', 'disabled'].map(name => ({
      when: `Azure says ${answerOf(name)}`,
      target: { account: name },
      error: NO_PERMISSION,
      said: answerOf(name),
    })),
    { when: 'the host refuses', target: { account: 'refusing' }, error: NO_CONNECTION, said: 'ECONNREFUSED' },
    { when: 'the host is unknown', target: { account: 'unknownhost' }, error: NO_CONNECTION, said: 'ENOTFOUND' },
    {
      when: 'the emulator has no such account',
      target: { account: 'absent' },
      error: NO_CONNECTION,
      said: answer(404, 'ResourceNotFound'),
    },
    {
      when: 'Azure is busy, again and again',
      target: { account: 'busy' },
      error: NO_CONNECTION,
      said: answerOf('busy'),
    },
    { when: 'the key is not base64', given: [add(account.name, 'no key!')], error: INVALID_CREDENTIALS },
    { when: 'the SAS does not parse', given: [add(account.name, 'sv=1&sig=&')], error: INVALID_CREDENTIALS },
    {
      when: 'the passphrase has changed',
      given: [passphrase('one'), add(account.name, account.key), passphrase('two')],
      error: INVALID_CREDENTIALS,
    },
    {
      when: 'there is no such container',
      target: { container: 'missing' },
      error: { code: '58P01', message: 'azure_storage: container with the given name does not exist' },
      said: answer(404, 'ContainerNotFound'),
    },
    {
      when: 'there is no such blob',
      target: { path: 'missing.csv' },
      except: { ...WRITES, ...READS_ALL },
      error: { code: '58P01', message: 'azure_storage: blob with the given name does not exist' },
      said: answer(404, 'BlobNotFound'),
    },
    {
      when: 'the ending of the name says nothing',
      target: { path: 'a.dat' },
      except: LISTS,
      error: { code: '22023', message: UNKNOWN_ENDING },
    },
    {
      when: 'text has several columns',
      target: { path: 'a.txt' },
      except: LISTS,
      error: { code: '0A000', message: 'azure_storage: can only use text $coder with a single column' },
    },
    {
      when: 'a query is copied',
      target: { table: '(SELECT * FROM t)' },
      except: {
        'COPY FROM': 'PostgreSQL does not parse it',
        blob_get: 'it reads no table',
        blob_put: 'its rows are those of a query',
        ...LISTS,
      },
      error: {
        code: '0A000',
        message: 'azure_storage: Query is not supported while copying data to blob storage',
        hint: 'Create a view for the query and copy the view.',
      },
    },
    {
      when: 'no account can have such a name',
      target: { account: 'my-account' },
      error: {
        code: '22023',
        message: 'azure_storage: invalid storage account name: my-account',
        hint: 'A storage account name has 3 to 24 lower-case letters and digits.',
      },
    },
    {
      when: 'no container can have such a name',
      target: { container: 'a--b' },
      error: {
        code: '22023',
        message: 'azure_storage: invalid container name: a--b',
        hint: 'A container name has 3 to 63 lower-case letters, digits and single hyphens, and begins and ends with a letter or digit.',
      },
    },
    {
      when: 'network access is off',
      given: ['SET LOCAL azure_storage.allow_network_access = off'],
      error: { code: '42501', message: 'azure_storage: network access is disabled' },
    },
  ]

  const expectedOf = (operation: Operation, { error, said, target }: Row): ClientError => {
    const isUpload = operation === 'COPY TO' || operation === 'blob_put'
    const request = isUpload ? 'upload' : operation === 'blob_list' ? 'list' : 'download'
    return {
      code: error.code,
      message: error.message.replace('$coder', isUpload ? 'encoder' : 'decoder'),
      detail: said && `The ${request} failed for storage account "${target?.account ?? account.name}": ${said}.`,
      hint: error.hint,
    }
  }

  // All at once, because a service that cannot be reached is tried for two seconds.
  test.concurrent.for(OPERATIONS)('%s: through driver and psql', { timeout: 60_000 }, async (operation, context) => {
    const applicable = rows().filter(({ except }) => except?.[operation] === undefined)
    const usual = {
      account: account.name,
      container: stack.container.containerName,
      path: 'a.csv',
      table: 't',
      columns: 'a int, b text',
    }
    const statements = applicable.map(({ given = [], target }) => ({
      given,
      statement: statementOf(operation, { ...usual, ...target }),
    }))
    const named = (errors: readonly (ClientError | undefined)[]) =>
      Object.fromEntries(applicable.map(({ when }, i) => [when, errors[i]]))
    const expected = named(applicable.map(row => expectedOf(operation, row)))
    expect(named(await errorsByDriver(await stack.connect(), statements))).toEqual(expected)
    needTool('psql', context)
    expect(named(await errorsByPsql(stack.url(), statements))).toEqual(expected)
  })
})
