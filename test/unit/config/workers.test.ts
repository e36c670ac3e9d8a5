import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { expect, it } from 'vitest'
import { packForWorker, portOfWorker, unpackConfig } from '../../../src/config/workers.ts'
import { createCertificate } from '../../support/certificate.ts'
import { serveConfig } from '../../support/config.ts'

const backend = ['--backend', 'postgres://u:s3cret@a:1,b:2/d?sslmode=require']

it('a worker is told all that the proxy was told, and shows no secret', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-config-'))
  const { cert, key } = await createCertificate(dir, 'proxy')
  const config = serveConfig(
    [...backend, '--tls-cert', cert, '--tls-key', key, '--storage-ca', cert, '--workers', '2', '--extras'],
    { BLOBGRES_CREDENTIAL_KEY: 'k'.repeat(32) },
  )
  const files = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
  await rm(dir, { recursive: true }) // a worker that starts later gets the same
  const packed = deserialize(serialize(packForWorker(config, 1)))
  const told = unpackConfig(packed)
  expect(told.backend.password).toBe('s3cret')
  expect(told.backend.others?.map(({ host, password }) => [host, password])).toEqual([['b', 's3cret']])
  expect(told.credentialKey).toBe('k'.repeat(32))
  expect(told.tls?.key.toString()).toBe(files.key)
  expect(told.storageEndpoints.defaultTemplate).toBe(config.storageEndpoints.defaultTemplate)
  expect(told.storageEndpoints.trust?.ca.toString()).toBe(files.cert)
  const { parquetEngines: _, storageEndpoints: __, ...rest } = told
  const { parquetEngines: ___, storageEndpoints: ____, ...expected } = config
  expect(rest).toEqual(expected)
  expect(inspect(told, { depth: 9 })).not.toMatch(/s3cret|kkkk|PRIVATE/)
})

it('engines for Parquet are shared out, one each at least', () => {
  const engines = (...args: string[]): number | undefined =>
    packForWorker(serveConfig([...backend, ...args]), 1).config.parquetEngines
  expect(engines('--workers', '2', '--parquet-engines', '5')).toBe(2)
  expect(engines('--workers', '8', '--parquet-engines', '5')).toBe(1)
  expect(engines('--workers', '1')).toBe(availableParallelism())
})

it('each listens at a port of its own: any, or as far from the first as the server dials', () => {
  const of = (...args: string[]) => serveConfig([...backend, ...args])
  expect(portOfWorker(of(), 2)).toBe(0)
  const config = of('--loopback', 'proxy.example:7000', '--listen', '0.0.0.0:5433')
  expect([1, 2].map(number => portOfWorker(config, number))).toEqual([5434, 5435])
  expect([1, 2].map(number => packForWorker(config, number).config.loopback)).toEqual([
    { host: 'proxy.example', port: 7001 },
    { host: 'proxy.example', port: 7002 },
  ])
})

it('auto is as many as there are cores', () => {
  expect(serveConfig([...backend, '--workers', 'auto']).workers).toBe(availableParallelism())
  expect(serveConfig(backend).workers).toBe(1)
})
