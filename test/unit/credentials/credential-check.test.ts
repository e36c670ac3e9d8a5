import { expect, it } from 'vitest'
import { whatIsWrong } from '../../../src/credentials/credential-check.ts'

const NOW = Date.parse('2025-06-01T12:00:00Z')
const KEY = Buffer.alloc(64, 'key').toString('base64')
const SIG = encodeURIComponent(Buffer.alloc(32, 0xfb).toString('base64'))
const sas = (parameters: string) => `${parameters}&sig=${SIG}`
const SERVICE = 'sv=2024-11-04&sr=c&sp=rl'

it.each([
  ['an access key', KEY],
  ['a service SAS', sas(`${SERVICE}&se=2025-06-02`)],
  ['one with a question mark', `?${sas(`${SERVICE}&se=2025-06-02T00%3A00Z`)}`],
  ['one that begins in a minute, by our clock', sas(`${SERVICE}&st=2025-06-01T12:01:00Z&se=2025-06-02`)],
  ['an account SAS', sas('sv=2024-11-04&ss=bfqt&srt=sco&sp=rwdlacx&se=2026-01-01T00:00:00Z&spr=https')],
  ['a SAS with a stored policy', sas('sv=2024-11-04&sr=c&si=readers')],
])('nothing is wrong with %s', (_, credential) => {
  expect(whatIsWrong(credential, NOW)).toBeUndefined()
})

it.each([
  ['', 'is empty'],
  [
    `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${KEY};EndpointSuffix=core.windows.net`,
    'connection string',
  ],
  [`BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=${sas(SERVICE)}`, 'connection string'],
  [`https://a.blob.core.windows.net/c?${sas(SERVICE)}`, 'is a URL'],
  [`${KEY}\n`, 'white space'],
  ['eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJzdG9yYWdlIn0.c2ln', 'is an access token'],
  ['secret', 'is not an access key, which is base64 of 64 bytes, nor a SAS token'],
  ['6a1b0c5e-0000-4000-8000-000000000000', 'is not an access key'],
  [KEY.slice(0, -4), 'but of 63'],
  [KEY.replaceAll('=', ''), 'is not an access key, which is base64 of 64 bytes, nor'],
  [`${SERVICE}&se=2099-01-01`, 'without its signature'],
  [`sr=c&sp=r&se=2099-01-01&sig=${SIG}`, 'without its version'],
  [`${SERVICE}&se=2099-01-01&sig=secret`, 'is not base64 of 32 bytes'],
  [sas(`${SERVICE}&amp;se=2099-01-01`), 'name=value'],
  [sas(SERVICE), 'without se and sp'],
  [sas('sv=2024-11-04&sp=r&se=2099-01-01'), 'neither sr nor ss'],
  [sas('sv=2024-11-04&ss=fqt&srt=sco&sp=r&se=2099-01-01'), 'other services'],
  [sas('sv=2024-11-04&ss=b&srt=sc&sp=r&se=2099-01-01'), 'not for objects'],
  [sas(`${SERVICE}&se=2025-06-01T11:59:59Z`), 'expired at 2025-06-01T11:59:59Z'],
  [sas(`${SERVICE}&st=2025-07-01&se=2099-01-01`), 'not valid before 2025-07-01T00:00:00Z'],
  [sas(`${SERVICE}&se=tomorrow`), 'is not a date'],
])('%j: %s', (credential, reason) => {
  const wrong = whatIsWrong(credential, NOW)
  expect(wrong).toContain(reason)
  expect(wrong).toMatch(/^[ -~]+$/)
  for (const secret of ['secret', 'tomorrow', KEY.slice(0, 20), SIG.slice(0, 20), 'readers']) {
    expect(wrong).not.toContain(secret)
  }
})
