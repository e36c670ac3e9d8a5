import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCertificate } from '../../support/certificate.ts'
import { serveConfig } from '../../support/config.ts'

let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobgres-config-'))
})

afterAll(() => rm(dir, { recursive: true }))

function parseTls(cert: string, key: string) {
  return serveConfig(['--backend', 'postgres://u@h', '--tls-cert', cert, '--tls-key', key]).tls
}

it('reads certificate and key, and keeps the key out of sight', async () => {
  const { cert, key } = await createCertificate(dir)
  const tls = parseTls(cert, key)
  expect(tls?.cert).toEqual(await readFile(cert))
  expect(tls?.key).toEqual(await readFile(key))
  expect(inspect(tls)).not.toContain('key')
})

it('reads the certificates to trust, at the backend and at storage endpoints', async () => {
  const { cert } = await createCertificate(dir, 'authority')
  const backend = `postgres://u@h/?sslmode=verify-ca&sslrootcert=${cert}`
  const config = serveConfig(['--backend', backend, '--storage-ca', cert])
  expect(config.backend.tls).toEqual({ mode: 'verify-ca', ca: await readFile(cert) })
  expect(config.storageEndpoints).toMatchObject({ trust: { secureContext: expect.anything() } })
})

it('refuses a key that belongs to another certificate', async () => {
  const [one, other] = await Promise.all([createCertificate(dir, 'one'), createCertificate(dir, 'other')])
  expect(() => parseTls(one.cert, other.key)).toThrow(
    /^--tls-cert and --tls-key: not a usable certificate and key \(.+\)$/,
  )
})
