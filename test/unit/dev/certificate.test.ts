import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureCertificate } from '../../../src/dev/certificate.ts'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobgres-certificate-'))
})
afterAll(() => rm(dir, { recursive: true }))

it('is self-signed, for its hosts, for years, and no authority', async () => {
  const { cert, key } = await ensureCertificate(dir, 'server', ['storage.test', 'localhost', '127.0.0.1', '::1'])
  const certificate = new X509Certificate(await readFile(cert))
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.checkIssued(certificate)).toBe(true)
  expect(certificate.ca).toBe(false)
  expect(certificate.subject).toBe('CN=storage.test')
  expect(certificate.subjectAltName).toBe(
    'DNS:storage.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  const [from, to] = [certificate.validFrom, certificate.validTo].map(date => new Date(date).getTime())
  expect(from).toBeLessThan(Date.now())
  expect(to).toBeGreaterThan(Date.now() + 9 * 365 * 86_400_000)
  expect((await stat(key)).mode & 0o777).toBe(0o600)
})

it('is made once', async () => {
  const read = async () => readFile((await ensureCertificate(dir, 'once', ['h'])).cert, 'utf8')
  const first = await read()
  expect(await read()).toBe(first)
  await rm(join(dir, 'once.key'))
  expect(await read()).not.toBe(first)
})
