import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { type Answer, startTamperedAnswers, type TamperedAnswers } from '../support/tampered-answers.ts'

const LEASED = {
  code: '55006',
  message: 'azure_storage: the blob is leased by someone else',
  detail: expect.stringContaining('LeaseIdMissing (HTTP status 412'),
}

describe.each(servers)('a blob that cannot be written, on PostgreSQL $version', server => {
  let stack: CopyStack
  let storage: TamperedAnswers
  let answer: Answer | undefined
  beforeAll(async () => {
    storage = await startTamperedAnswers(() => answer)
    stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.client.query('CREATE TABLE l AS SELECT 1 AS a')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const url = (path: string) => `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${path}`
  const put = (rows: string) =>
    stack.client.query(
      `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'leased.csv', r) FROM ${rows}`,
    )

  test('because of a lease: both ways to write say so, and it stays what it was', async () => {
    await stack.put('leased.csv', '1,x\n')
    const lease = stack.container.getBlobClient('leased.csv').getBlobLeaseClient()
    await lease.acquireLease(-1)
    try {
      expect(await errorOf(stack.client.query(`COPY l TO '${url('leased.csv')}'`))).toMatchObject(LEASED)
      expect(await errorOf(put('l AS r'))).toMatchObject(LEASED)
      // So many that they go in blocks: it is the last request that fails.
      const many = "(SELECT repeat('x', 1000) FROM generate_series(1, 9000)) AS r"
      expect(await errorOf(put(many))).toMatchObject(LEASED)
      expect(await stack.get('leased.csv')).toBe('1,x\n')
      const { rows } = await stack.client.query(
        `SELECT * FROM azure_storage.blob_get('${account.name}', '${stack.container.containerName}', 'leased.csv')
           AS t (a int, b text)`,
      )
      expect(rows).toEqual([{ a: 1, b: 'x' }])
    } finally {
      await lease.releaseLease()
    }
  })

  test.each([
    [409, 'BlobImmutableDueToPolicy', 'the blob is protected by an immutability policy or a legal hold'],
    [412, 'ConditionNotMet', 'the blob was not written, because a precondition is not met'],
  ])('because of %i %s', async (status, code, message) => {
    answer = response => {
      response.writeHead(status, { 'x-ms-error-code': code })
      response.end()
    }
    try {
      const refused = { code: '55000', message: `azure_storage: ${message}` }
      expect(await errorOf(stack.client.query(`COPY l TO '${url('kept.csv')}'`))).toMatchObject(refused)
      expect(await errorOf(put('l AS r'))).toMatchObject(refused)
    } finally {
      answer = undefined
    }
  })

  test('an archived one cannot be read', async () => {
    answer = response => {
      response.writeHead(409, { 'x-ms-error-code': 'BlobArchived' })
      response.end()
    }
    try {
      const error = await errorOf(stack.client.query(`COPY l FROM '${url('cold.csv')}'`))
      expect(error).toMatchObject({
        message: 'azure_storage: the blob is in the archive tier',
        hint: expect.anything(),
      })
    } finally {
      answer = undefined
    }
  })
})
