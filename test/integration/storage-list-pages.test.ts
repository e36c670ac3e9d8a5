import { afterAll, beforeAll, expect, test } from 'vitest'
import { listBlobs } from '../../src/storage/blob-client.ts'
import { account, accountKey, endpoints } from '../support/blobs.ts'
import { type RecordingStorage, startRecordingStorage } from '../support/recording-storage.ts'

let storage: RecordingStorage
beforeAll(async () => {
  storage = await startRecordingStorage()
})
afterAll(() => storage.close())

const blob = (name: string): string =>
  `<Blob><Name>${name}</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified>` +
  '<Etag>e</Etag><Content-Length>0</Content-Length></Properties></Blob>'

/** One name on each page. */
async function pageSizes(names: readonly string[]): Promise<string[]> {
  storage.requests.length = 0
  storage.answer = (_, response) => {
    const page = storage.requests.length
    const marker = page < names.length ? '<NextMarker>more</NextMarker>' : '<NextMarker/>'
    response.writeHead(200, { 'content-type': 'application/xml' })
    response.end(`<EnumerationResults><Blobs>${blob(names[page - 1] as string)}</Blobs>${marker}</EnumerationResults>`)
  }
  const at = endpoints(storage.endpointTemplate)
  const found: string[] = []
  const { signal } = new AbortController()
  for await (const page of listBlobs(at, account.name, accountKey, 'box', '', signal)) {
    found.push(...page.map(({ path }) => path))
  }
  expect(found.length).toBe(names.length)
  return storage.requests.map(({ url }) => new URL(url ?? '', 'http://storage').searchParams.get('maxresults') ?? '')
}

test('a page has the fewer blobs, the longer the names of the last one were in XML', async () => {
  const names = ['data/part-0001.csv', 'x'.repeat(1024), '&amp;'.repeat(1024), 'a', 'b']
  expect(await pageSizes(names)).toEqual(['40', '300', '104', '28', '300'])
})
