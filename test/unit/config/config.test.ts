import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Environment } from '../../../src/config/read-options.ts'
import { serveConfig } from '../../support/config.ts'

const BACKEND = 'postgres://admin:s3cret@db.example:6543/app'

function parse(args: string, env: Environment = { BLOBGRES_BACKEND: BACKEND }) {
  return serveConfig(args.split(' ').filter(Boolean), env)
}

describe('the configuration of serve', () => {
  it('needs nothing but a backend', () => {
    const config = parse('')
    expect(config).toEqual({
      listen: { host: '127.0.0.1', port: 5433 },
      workers: 1,
      busyPollMicroseconds: 200,
      backend: { host: 'db.example', port: 6543, user: 'admin', database: 'app' },
      storageEndpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
      azureCredential: 'managed-identity',
      spoolLimitBytes: 32 * 1024 ** 3,
      maxRowBytes: 64 * 1024 * 1024,
      memoryLimitBytes: 512 * 1024 * 1024,
      logLevel: 'info',
      drainTimeoutMs: 30_000,
    })
    expect(config.backend.password).toBe('s3cret')
  })

  it('shows no secret when printed, and cannot be changed', () => {
    const config = parse('')
    expect(inspect(config, { depth: null }) + JSON.stringify(config)).not.toContain('s3cret')
    expect(Object.isFrozen(config) && Object.isFrozen(config.backend) && Object.isFrozen(config.listen)).toBe(true)
  })

  it('prefers a flag to the environment, and takes an empty variable for none', () => {
    const env = { BLOBGRES_BACKEND: BACKEND, BLOBGRES_LISTEN: '0.0.0.0:1', BLOBGRES_LOG_LEVEL: '' }
    expect(parse('', env)).toMatchObject({ listen: { host: '0.0.0.0', port: 1 }, logLevel: 'info' })
    expect(parse('--log-level=trace', env).logLevel).toBe('trace')
    expect(parse('--listen [::1]:2', env).listen).toEqual({ host: '::1', port: 2 })
  })

  it.each([
    ['postgres://u@h', { host: 'h', port: 5432, user: 'u', database: 'postgres' }],
    ['postgresql://u%40x@[::1]:1/d%20b', { host: '::1', port: 1, user: 'u@x', database: 'd b' }],
    ['postgres://u@/d?host=/run/pg', { socketPath: '/run/pg/.s.PGSQL.5432', database: 'd' }],
    ['postgres://u@:6000/d?host=/run/pg/', { socketPath: '/run/pg/.s.PGSQL.6000' }],
    ['postgres://u@%2Frun%2Fpg/d?port=7', { socketPath: '/run/pg/.s.PGSQL.7' }],
  ])('reads the backend %s', (url, expected) => {
    expect(parse(`--backend ${url}`).backend).toMatchObject(expected)
  })

  it.each([
    ['sslmode=disable', undefined],
    ['sslmode=prefer', { mode: 'prefer' }],
    ['sslmode=verify-full&host=db.test', { mode: 'verify-full' }],
  ])('reads how the backend is encrypted: %s', (parameters, tls) => {
    expect(parse(`--backend postgres://u@h/?${parameters}`).backend.tls).toEqual(tls)
  })

  it.each([
    ['postgres://u@a:1,b,[::1]:3/d', ['a:1', 'b:5432', '::1:3']],
    ['postgres://u@a,b:7/d?port=6', ['a:6', 'b:6']],
    ['postgres://u@/d?host=a,b&port=1,2', ['a:1', 'b:2']],
  ])('reads the servers of %s, in order', (url, expected) => {
    const { backend } = parse(`--backend ${url}`, { BLOBGRES_BACKEND_PASSWORD: 'p' })
    const all = [backend, ...(backend.others ?? [])]
    expect(all.map(({ host, port }) => `${host}:${port}`)).toEqual(expected)
    expect(all.map(({ user, database, password }) => [user, database, password])).toEqual(
      all.map(() => ['u', 'd', 'p']),
    )
    expect(JSON.stringify(backend)).not.toContain('"p"')
  })

  it('is told which of several servers is meant', () => {
    expect(parse('--backend postgres://u@a,b/?target_session_attrs=prefer-standby').backend.targetSessionAttrs).toBe(
      'prefer-standby',
    )
  })

  it("takes the backend's password from a variable of its own", () => {
    const env = { BLOBGRES_BACKEND_PASSWORD: 'p' }
    expect(parse('--backend postgres://u@h', env).backend.password).toBe('p')
    expect(parse('--backend postgres://u:q@h', env).backend.password).toBe('q')
    expect(parse('--backend postgres://u@h', {}).backend.password).toBeUndefined()
  })

  it('takes the key of its credentials from the environment, and does not show it', () => {
    const config = parse('--backend postgres://u@h', { BLOBGRES_CREDENTIAL_KEY: 'k'.repeat(32) })
    expect(config.credentialKey).toBe('k'.repeat(32))
    expect(JSON.stringify(config)).not.toContain('kkk')
    expect(parse('--backend postgres://u@h', {}).credentialKey).toBeUndefined()
    expect(() => parse('--backend postgres://u@h', { BLOBGRES_CREDENTIAL_KEY: 'short' })).toThrow(
      /^BLOBGRES_CREDENTIAL_KEY: /,
    )
  })

  it('takes storage endpoints repeated or separated by commas', () => {
    const args = '--storage-endpoint one=http://h:1/one/,http://h:2/{account} --storage-endpoint two2=https://t.example'
    expect(parse(args).storageEndpoints).toEqual({
      defaultTemplate: 'http://h:2/{account}',
      accounts: new Map([
        ['one', 'http://h:1/one'],
        ['two2', 'https://t.example'],
      ]),
    })
  })

  it('is told who it is at Azure', () => {
    expect(parse('--azure-credential default --managed-identity-client-id 1-2')).toMatchObject({
      azureCredential: 'default',
      managedIdentityClientId: '1-2',
    })
  })

  it('takes durations in seconds', () => {
    expect(parse('--drain-timeout 0.5').drainTimeoutMs).toBe(500)
  })

  it('is told how large rows may be, alone and together', () => {
    expect(parse('--max-row-size 100MB --memory-limit 1GB')).toMatchObject({
      maxRowBytes: 100 * 1024 * 1024,
      memoryLimitBytes: 1024 ** 3,
    })
    for (const size of ['63kB', '1GB']) {
      expect(() => parse(`--max-row-size ${size}`)).toThrow(`--max-row-size: "${size}" is not a size of 64kB to 1000MB`)
    }
    expect(() => parse('--max-row-size 200MB')).toThrow('--memory-limit: it must be four times --max-row-size or more')
    expect(() => parse('--memory-limit 255MB')).toThrow('--memory-limit: it must be four times --max-row-size or more')
  })

  it('is told how many Parquet engines there may be', () => {
    expect(parse('--parquet-engines 3').parquetEngines).toBe(3)
    expect(parse('').parquetEngines).toBeUndefined()
    expect(() => parse('--parquet-engines 0')).toThrow('--parquet-engines: "0" is not a number from 1 to 9999')
  })

  it('is told where Parquet files are copied to, and how large they may be', () => {
    expect(parse('--temp-dir /var/spool/b --parquet-spool-limit 500MB')).toMatchObject({
      tempDir: '/var/spool/b',
      spoolLimitBytes: 500 * 1024 * 1024,
    })
    expect(parse('--parquet-spool-limit 0').spoolLimitBytes).toBe(0)
    expect(() => parse('--parquet-spool-limit much')).toThrow('is not a number of bytes, such as 500MB or 32GB')
  })
})
