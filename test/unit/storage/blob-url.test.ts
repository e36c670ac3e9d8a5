import { describe, expect, it } from 'vitest'
import { isBlobUrl, parseBlobUrl } from '../../../src/storage/blob-url.ts'
import type { StorageEndpoints } from '../../../src/storage/endpoints.ts'

const azure: StorageEndpoints = { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() }
const emulated: StorageEndpoints = {
  defaultTemplate: 'http://storage.test:10005/{account}/',
  accounts: new Map([
    ['hosted', 'https://files.example.com'],
    ['nested', 'http://gateway:8080/blobs/nested'],
  ]),
}

describe('isBlobUrl', () => {
  it.each(['https://a/b', 'http://a', 'HTTPS://A/b'])('takes %s', text => expect(isBlobUrl(text)).toBe(true))
  it.each(['', '/tmp/x.csv', 'ftp://a/b', ' https://a', 'https:/a', 'x.csv'])('leaves %j to PostgreSQL', text =>
    expect(isBlobUrl(text)).toBe(false),
  )
})

describe('parseBlobUrl', () => {
  it.each([
    ['a-*.csv', 'a-*.csv'],
    ['a%2A-*', 'a\\*-*'],
    ['a\\%2A-*', 'a\\*-*'],
    ['a\\\\%2A-*', 'a\\\\\\*-*'],
    ['a%5C%2A-*', 'a\\\\\\*-*'],
    ['\\%C3%A9[%21]', '\\é[\\!]'],
  ])('in a pattern %s what is encoded has no meaning', (path, pattern) => {
    expect(parseBlobUrl(`https://acct.blob.core.windows.net/cont/${path}`, azure)).toMatchObject({ pattern })
  })

  it.each([
    ['https://acct.blob.core.windows.net/cont/a.csv', 'acct', 'cont', 'a.csv'],
    ['HTTP://Acct.Blob.Core.Windows.NET:80/cont/a.csv', 'acct', 'cont', 'a.csv'],
    ['https://acct.blob.core.windows.net:443/cont/dir/a.csv', 'acct', 'cont', 'dir/a.csv'],
    ['https://acct.blob.core.chinacloudapi.cn/cont/a', 'acct', 'cont', 'a', emulated],
    ['https://acct.blob.core.usgovcloudapi.net/cont/a', 'acct', 'cont', 'a', emulated],
    ['http://storage.test:10005/acct/cont/a', 'acct', 'cont', 'a', emulated],
    ['https://files.example.com/cont/a', 'hosted', 'cont', 'a', emulated],
    ['http://gateway:8080/blobs/nested/cont/a', 'nested', 'cont', 'a', emulated],
    ['http://127.0.0.1:10000/devstoreaccount1/cont/a', 'devstoreaccount1', 'cont', 'a'],
    ['http://localhost:10000/acct/cont/a', 'acct', 'cont', 'a'],
    ['http://[::1]:10000/acct/cont/a', 'acct', 'cont', 'a'],
    ['http://azurite:10000/acct/cont/a', 'acct', 'cont', 'a'],
    ['https://acct.blob.core.windows.net/$web/index.html', 'acct', '$web', 'index.html'],
    ['https://acct.blob.core.windows.net/%24root/x', 'acct', '$root', 'x'],
  ])('%s', (text, account, container, path, endpoints = azure) => {
    expect(parseBlobUrl(text, endpoints)).toMatchObject({ account, container, path })
  })

  it.each([
    ['a%20b.csv', 'a b.csv'],
    ['a b.csv', 'a b.csv'],
    ['100%25.csv', '100%.csv'],
    ['what%3F.csv', 'what?.csv'],
    ['a#b.csv', 'a#b.csv'],
    ['a+b.csv', 'a+b.csv'],
    ['%E6%97%A5%E6%9C%AC.csv', '日本.csv'],
    ['日本/😀.csv', '日本/😀.csv'],
    ['a//b', 'a//b'],
    ['/a', '/a'],
    ['a/', 'a/'],
    ['a%2Fb', 'a/b'],
    ['a;b,c=d&e', 'a;b,c=d&e'],
    ['n'.repeat(1024), 'n'.repeat(1024)],
  ])('reads the name %s', (encoded, path) => {
    expect(parseBlobUrl(`https://acct.blob.core.windows.net/cont/${encoded}`, azure).path).toBe(path)
  })

  it('keeps a shared access signature apart from the name, and from what is shown', () => {
    const url = parseBlobUrl('https://acct.blob.core.windows.net/cont/a.csv?sv=2024&sig=top%2Bsecret', azure)
    expect(url.sas).toBe('sv=2024&sig=top%2Bsecret')
    expect(url.path).toBe('a.csv')
    expect(url.redacted).toBe('https://acct.blob.core.windows.net/cont/a.csv?<redacted>')
    expect(JSON.stringify(url)).not.toContain('secret')
  })

  it.each([
    ['https://example.com/cont/a', 'The host is not that of a storage account.'],
    ['https://blob.core.windows.net/cont/a', 'The host is not that of a storage account.'],
    ['https://acct.blob.core.windows.net.evil.com/cont/a', 'The host is not that of a storage account.'],
    ['https://acct.blob.core.windows.net:8443/cont/a', 'The host is not that of a storage account.'],
    ['http://127.0.0.1:10001/acct/cont/a', 'The host is not that of a storage account.'],
    ['https://', 'The host is not that of a storage account.'],
    ['https://.blob.core.windows.net/cont/a', 'The URL has no storage account.'],
    ['http://localhost:10000/', 'The URL has no storage account.'],
    ['https://acct.blob.core.windows.net', 'The URL has no container.'],
    ['https://acct.blob.core.windows.net/', 'The URL has no container.'],
    ['https://acct.blob.core.windows.net//a', 'The URL has no container.'],
    ['https://acct.blob.core.windows.net/cont', 'The URL has no path after the container.'],
    ['https://acct.blob.core.windows.net/cont/', 'The URL has no path after the container.'],
    ['https://acct.blob.core.windows.net/cont/a%', 'The percent-encoding is not that of UTF-8 text.'],
    ['https://acct.blob.core.windows.net/cont/%zz', 'The percent-encoding is not that of UTF-8 text.'],
    ['https://acct.blob.core.windows.net/cont/%ff', 'The percent-encoding is not that of UTF-8 text.'],
    ['https://acct.blob.core.chinacloudapi.cn/cont/a', expect.stringContaining('cloud of blob.core.windows.net')],
  ])('refuses %s', (text, detail) => {
    expect(() => parseBlobUrl(text, azure)).toThrow(
      expect.objectContaining({ message: `azure_storage: invalid blob URL: ${text}`, code: '22023', detail }),
    )
  })

  it.each([
    ['https://a-b.blob.core.windows.net/cont/a', 'azure_storage: invalid storage account name: a-b'],
    ['https://a.b.blob.core.windows.net/cont/a', 'azure_storage: invalid storage account name: a.b'],
    ['https://acct.blob.core.windows.net/CONT/a', 'azure_storage: invalid container name: CONT'],
    ['https://acct.blob.core.windows.net/a%2Fb/a', 'azure_storage: invalid container name: a/b'],
    [`https://acct.blob.core.windows.net/cont/${'n'.repeat(1025)}`, 'azure_storage: invalid blob name'],
    ['https://acct.blob.core.windows.net/cont/../other/a', 'azure_storage: invalid blob name'],
    ['https://acct.blob.core.windows.net/cont/%2e%2e/other/a', 'azure_storage: invalid blob name'],
  ])('checks the names of %s', (text, message) => {
    expect(() => parseBlobUrl(text, azure)).toThrow(expect.objectContaining({ message, code: '22023' }))
  })

  it('refuses another query, with a hint', () => {
    expect(() => parseBlobUrl('https://acct.blob.core.windows.net/cont/a?x=1', azure)).toThrow(
      expect.objectContaining({
        message: 'azure_storage: invalid blob URL: https://acct.blob.core.windows.net/cont/a?<redacted>',
        hint: 'A question mark that is part of the name is written %3F.',
      }),
    )
  })

  it('never shows a password', () => {
    expect(() => parseBlobUrl('https://me:top@secret@acct.blob.core.windows.net/cont/a', azure)).toThrow(
      expect.objectContaining({
        message: 'azure_storage: invalid blob URL: https://acct.blob.core.windows.net/cont/a',
        detail: 'A blob URL cannot carry a user name or password.',
      }),
    )
  })
})
