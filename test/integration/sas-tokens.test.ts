import {
  AccountSASPermissions,
  BlobSASPermissions,
  type BlobSASSignatureValues,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blobService } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { OPERATIONS, type Operation, statementOf } from '../support/storage-operations.ts'

const credential = new StorageSharedKeyCredential(account.name, account.key)
const expiresOn = new Date(Date.now() + 3_600_000)

const accountSas = (permissions: string, resourceTypes: string, services = 'b'): string =>
  generateAccountSASQueryParameters(
    { permissions: AccountSASPermissions.parse(permissions), resourceTypes, services, expiresOn },
    credential,
  ).toString()

const serviceSas = (values: Omit<BlobSASSignatureValues, 'expiresOn'>): string =>
  generateBlobSASQueryParameters({ ...values, expiresOn }, credential).toString()

const READS: readonly Operation[] = ['COPY FROM', 'blob_get']
const OBJECTS: readonly Operation[] = ['COPY FROM', 'COPY TO', 'blob_get', 'blob_put']

describe.each(servers)('a SAS as the key of an account, on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('a.csv', '1\n')
    await stack.client.query('CREATE TABLE t AS SELECT 1 AS a')
  })
  afterAll(() => stack.close())

  const outcomes = async (path = 'a.csv', container = stack.container.containerName): Promise<Operation[]> => {
    const target = { account: account.name, container, path, table: 't', columns: 'a int' }
    const allowed: Operation[] = []
    for (const operation of OPERATIONS) {
      await stack.client.query('BEGIN')
      await stack.client.query(statementOf(operation, target)).then(
        () => allowed.push(operation),
        error => expect(`${operation} ${error.code}`).toMatch(/ (42501|28000)$/),
      )
      await stack.client.query('ROLLBACK')
    }
    return allowed
  }
  const use = (sas: string) => stack.client.query('SELECT azure_storage.account_add($1, $2)', [account.name, sas])

  it.each<[string, () => string, readonly Operation[]]>([
    ['of the account', () => accountSas('rwlc', 'sco'), OPERATIONS],
    ['of the account, for reading', () => accountSas('rl', 'sco'), [...READS, 'blob_list']],
    ['of the account, for blobs and not for containers', () => accountSas('rwlc', 'o'), OBJECTS],
    ['of the account, for containers and not for blobs', () => accountSas('rwlc', 'c'), ['blob_list']],
    ['of the account, for queues', () => accountSas('rwlc', 'sco', 'q'), []],
    ['of the container', () => serviceSas({ ...inContainer(), permissions: container('rwlc') }), OPERATIONS],
    [
      'of the container, for listing',
      () => serviceSas({ ...inContainer(), permissions: container('l') }),
      ['blob_list'],
    ],
    ['of the blob', () => serviceSas({ ...inContainer(), blobName: 'a.csv', permissions: blob('rwc') }), OBJECTS],
    ['of another blob', () => serviceSas({ ...inContainer(), blobName: 'b.csv', permissions: blob('rwc') }), []],
    [
      'for https alone, over http',
      () => serviceSas({ ...inContainer(), permissions: container('rwlc'), protocol: SASProtocol.Https }),
      [],
    ],
  ])('%s', async (_, sas, expected) => {
    for (const mark of ['', '?']) {
      await use(mark + sas())
      expect(await outcomes()).toEqual(OPERATIONS.filter(operation => expected.includes(operation)))
    }
    expect(await stack.get('a.csv')).toBe('1\n')
  })

  it('in the URL is for that statement alone', async () => {
    await stack.client.query('SELECT azure_storage.account_remove($1)', [account.name])
    const url = stack.blobUrl('a.csv')
    const sas = serviceSas({ ...inContainer(), permissions: container('r') })
    expect((await stack.client.query(`COPY t FROM '${url}?${sas}'`)).rowCount).toBe(1)
    await expect(stack.client.query(`COPY t FROM '${url}'`)).rejects.toMatchObject({ code: '28000' })
    await use(account.key)
    // The SAS counts although the account's key could do more.
    await expect(stack.client.query(`COPY t TO '${url}?${sas}'`)).rejects.toMatchObject({ code: '42501' })
    expect((await stack.client.query('SELECT auth_type FROM azure_storage.account_list()')).rows).toHaveLength(1)
  })

  it('is not needed where the container is public: whole, or its blobs alone', async () => {
    await stack.client.query('SELECT azure_storage.account_remove($1)', [account.name])
    for (const [access, expected] of [
      ['container', [...READS, 'blob_list']],
      ['blob', READS],
    ] as const) {
      const open = blobService().getContainerClient(uniqueName('public').replace('_', '-'))
      await open.create({ access })
      await open.getBlockBlobClient('a.csv').upload('1\n', 2)
      const allowed = await outcomes('a.csv', open.containerName)
      expect(allowed).toEqual(OPERATIONS.filter(operation => (expected as readonly Operation[]).includes(operation)))
      await stack.client.query('SET azure_storage.public_account_access = off')
      expect(await outcomes('a.csv', open.containerName)).toEqual([])
      await stack.client.query('RESET azure_storage.public_account_access')
      await open.delete()
    }
  })

  const inContainer = () => ({ containerName: stack.container.containerName })
})

const container = (permissions: string) => ContainerSASPermissions.parse(permissions)
const blob = (permissions: string) => BlobSASPermissions.parse(permissions)
