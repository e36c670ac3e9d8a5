import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LIST_COLUMNS, type ListRequest, listRows } from '../../../src/operations/blob-list.ts'

const sealingKey = { encKey: Buffer.alloc(32, 1), macKey: Buffer.alloc(32, 2) }
const request: ListRequest = { account: 'acct', container: 'box', prefix: 'a/', grant: undefined, databaseName: 'db' }

const blob = (name: string, more = '') =>
  `<Blob><Name>${name}</Name><Properties><Last-Modified>Sun, 29 Nov 2015 12:00:00 GMT</Last-Modified><Etag>"0x1"</Etag>
   <Content-Length>4</Content-Length>${more}</Properties></Blob>`
const MORE = '<Content-Type>text/csv</Content-Type><Content-MD5>AQIDBAUGBwgJCgsMDQ4PEA==</Content-MD5>'
const page = (blobs: string, next: string) =>
  `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>${blobs}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`

/** By the marker that is asked for. */
const PAGES: Readonly<Record<string, string>> = {
  '': page(blob('a/1', MORE) + blob('a/2'), 'second'),
  second: page(blob('a/3'), ''),
}

/** A container of two pages, and what it was asked for. */
let service: Server
let asked: URLSearchParams[] = []
beforeAll(async () => {
  service = createServer(({ url }, response) => {
    const { searchParams } = new URL(url as string, 'http://service')
    asked.push(searchParams)
    response.setHeader('content-type', 'application/xml').end(PAGES[searchParams.get('marker') ?? ''])
  })
  await new Promise<void>(resolve => service.listen(0, '127.0.0.1', resolve))
})
afterAll(() => service.close())
beforeEach(() => {
  asked = []
})

function list(changes: Partial<ListRequest> = {}, signal = new AbortController().signal) {
  const defaultTemplate = `http://127.0.0.1:${(service.address() as AddressInfo).port}/{account}`
  const config = { storageEndpoints: { defaultTemplate, accounts: new Map() } }
  return listRows({ sealingKey, identity: {} as never, config }, { ...request, ...changes }, signal)
}

test('rows come page by page, in the service’s order', async () => {
  const pages = []
  for await (const rows of list()) pages.push(rows.map(([path]) => path))
  expect(pages).toEqual([['a/1', 'a/2'], ['a/3']])
  expect(asked.map(query => query.get('prefix'))).toEqual(['a/', 'a/'])
})

test('no page is asked for before it is wanted', async () => {
  for await (const _ of list()) break
  expect(asked).toHaveLength(1)
})

test('each column is told as text', async () => {
  const { value: [first, second] = [] } = await list().next()
  const told = (row = first) => Object.fromEntries(LIST_COLUMNS.map((name, i) => [name, row?.[i]]))
  expect(told()).toEqual({
    path: 'a/1',
    bytes: '4',
    last_modified: '2015-11-29T12:00:00.000Z',
    etag: '0x1',
    content_type: 'text/csv',
    content_encoding: undefined,
    content_hash: '0102030405060708090a0b0c0d0e0f10',
  })
  expect(told(second)).toMatchObject({ content_type: undefined, content_hash: undefined })
})

test('it ends with the reason that it is stopped for', async () => {
  const reason = new Error('the statement is over')
  await expect(list({}, AbortSignal.abort(reason)).next()).rejects.toBe(reason)
})

test('a credential that does not open asks the service nothing', async () => {
  const grant = { authType: 'access-key', sealed: 's1:AAAA', passphrase: '' } as const
  await expect(list({ grant }).next()).rejects.toMatchObject({ code: '22023' })
  expect(asked).toEqual([])
})
