import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { listBlobs } from '../../src/storage/blob-client.ts'
import { createContainer } from '../support/azurite.ts'
import { account, accountKey, blobIn, endpoints, writeBlob } from '../support/blobs.ts'
import { type Answer, startTamperedAnswers, type TamperedAnswers } from '../support/tampered-answers.ts'

/** Azurite's whole listing, as if there were another page. */
const firstOfTwo: Answer = (response, { headers: { 'content-length': _, ...headers }, body }) => {
  response.writeHead(200, headers)
  response.end(String(body).replace(/<NextMarker\s*\/>|<NextMarker><\/NextMarker>/, '<NextMarker>c</NextMarker>'))
}
const withStatus =
  (status: number, code: string): Answer =>
  response => {
    response.writeHead(status, { 'x-ms-error-code': code })
    response.end()
  }
const withBody =
  (change: (body: string) => string): Answer =>
  (response, { headers: { 'content-length': _, ...headers }, body }) => {
    response.writeHead(200, headers)
    response.end(change(String(body)))
  }
const cutOff: Answer = (response, { headers, body }) => {
  response.writeHead(200, headers)
  response.write(body.subarray(0, body.length / 2), () => response.destroy())
}

let container: ContainerClient
let storage: TamperedAnswers
beforeAll(async () => {
  container = await createContainer('pages')
  for (const name of ['a', 'b']) await writeBlob(blobIn(container, name), name)
})
afterAll(() => container.delete())
afterEach(() => storage.close())

async function list(secondPage: readonly Answer[]): Promise<{ paths: string[]; error: unknown }> {
  storage = await startTamperedAnswers(request => [firstOfTwo, ...secondPage][request])
  const at = endpoints(storage.endpointTemplate)
  const { signal } = new AbortController()
  const paths: string[] = []
  try {
    for await (const page of listBlobs(at, account.name, accountKey, container.containerName, '', signal)) {
      paths.push(...page.map(({ path }) => path))
    }
    return { paths, error: undefined }
  } catch (error) {
    return { paths, error }
  }
}

it.each([
  ['a busy service', [withStatus(503, 'ServerBusy'), withStatus(500, 'InternalError')]],
  ['a connection that breaks', [cutOff]],
])('%s is asked again for the page', async (_, answers) => {
  const { paths, error } = await list(answers)
  expect(error).toBeUndefined()
  expect(paths.slice(0, 2)).toEqual(['a', 'b'])
})

it.each([
  ['refused', [withStatus(403, 'AuthorizationPermissionMismatch')], '42501'],
  ['gone', [withStatus(404, 'ContainerNotFound')], '58P01'],
  ['no XML', [withBody(() => 'Hello')], '58030'],
  ['cut XML', [withBody(xml => xml.slice(0, xml.length / 2))], '58030'],
  ['another document', [withBody(() => '<a/>')], '08001'],
  ['always cut off', Array(10).fill(cutOff), '08001'],
])('a later page that is %s is an error', async (_, answers, code) => {
  const { error } = await list(answers as Answer[])
  expect(error).toMatchObject({ code, message: expect.stringMatching(/^azure_storage: /) })
})
