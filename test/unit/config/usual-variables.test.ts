import { expect, it } from 'vitest'
import { readDevConfig } from '../../../src/config/dev-config.ts'
import { usualAccount } from '../../../src/config/usual-variables.ts'
import { serveConfig } from '../../support/config.ts'

const backendOf = (env: Readonly<Record<string, string>>, ...argv: readonly string[]) => {
  const { backend } = serveConfig(argv, env)
  return { ...backend, password: backend.password }
}

it.each([
  [
    { DATABASE_URL: 'postgresql://u:p%40@db:6000/app?schema=public&sslmode=require&pgbouncer=true' },
    { host: 'db', port: 6000, user: 'u', password: 'p@', database: 'app', tls: { mode: 'require' } },
  ],
  [
    { DATABASE_URL: 'postgres://u@db', PGPASSWORD: 'secret' },
    { host: 'db', user: 'u', password: 'secret' },
  ],
  [
    { PGHOST: 'db', PGPORT: '6000', PGUSER: 'a b', PGPASSWORD: 'x', PGDATABASE: 'c/d', PGSSLMODE: 'require' },
    { host: 'db', port: 6000, user: 'a b', password: 'x', database: 'c/d', tls: { mode: 'require' } },
  ],
  [
    { PGHOST: '/run/postgresql', USER: 'me' },
    { socketPath: '/run/postgresql/.s.PGSQL.5432', user: 'me' },
  ],
  [
    { PGHOST: '::1', USER: '' },
    { host: '::1', port: 5432, user: 'postgres', database: 'postgres' },
  ],
])('takes %j for the backend', (env, expected) => {
  expect(backendOf(env)).toMatchObject(expected)
})

it('takes a flag before a variable of ours, that before a usual one, and that before .env', () => {
  const env = { BLOBGRES_BACKEND: 'postgres://u@ours', DATABASE_URL: 'postgres://u@url', PGHOST: 'host' }
  expect(backendOf(env, '--backend', 'postgres://u@flag').host).toBe('flag')
  expect(backendOf(env).host).toBe('ours')
  expect(backendOf({ ...env, BLOBGRES_BACKEND: '' }).host).toBe('url')
  expect(backendOf({ PGHOST: 'host' }).host).toBe('host')
  const file = { BLOBGRES_BACKEND: 'postgres://u@file', BLOBGRES_LISTEN: '127.0.0.1:7' }
  const { backend, listen } = serveConfig([], { PGHOST: 'host' }, file)
  expect([backend.host, listen.port]).toEqual(['host', 7])
  expect(serveConfig([], {}, file).backend.host).toBe('file')
})

it('mixes nothing of PG* into a backend that is told otherwise', () => {
  const env = { PGPORT: '5433', PGUSER: 'me', PGDATABASE: 'mine', PGSSLMODE: 'require' }
  expect(backendOf({ ...env, BLOBGRES_BACKEND: 'postgres://u@db' })).toEqual({
    ...{ host: 'db', port: 5432, user: 'u', password: undefined, database: 'postgres' },
  })
  expect(() => serveConfig([], env)).toThrow('--backend, BLOBGRES_BACKEND, DATABASE_URL or PGHOST is required')
})

it.each([
  [{ PGHOST: 'localhost', PGPORT: '5433' }, []],
  [{ DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:6000/app' }, ['--listen', '0.0.0.0:6000']],
  [{ DATABASE_URL: 'postgres://u:s3cret@proxy.example:5433' }, ['--listen', 'proxy.example:5433']],
])('does not take itself for its backend: %j', (env, argv) => {
  expect(() => serveConfig(argv, env)).toThrow(/^the backend is at \S+, where this proxy itself is to listen: /)
})

it('says which variable makes no sense, without its value', () => {
  expect(() => serveConfig([], { DATABASE_URL: 'mysql://u:s3cret@h' })).toThrow(
    'DATABASE_URL: not a PostgreSQL URL (expected postgres://user:password@host:port/database)',
  )
  expect(() => serveConfig([], { PGHOST: 'h', PGPORT: 'x' })).toThrow('PGHOST: the port is not a port number')
})

const AZURE = 'DefaultEndpointsProtocol=https;AccountName=acct1;AccountKey=a2V5==;EndpointSuffix=core.windows.net'

it.each([
  [{ AZURE_STORAGE_CONNECTION_STRING: AZURE }, 'acct1', 'a2V5==', undefined],
  [
    { AZURE_STORAGE_CONNECTION_STRING: AZURE.replace('core.windows.net', 'core.chinacloudapi.cn') },
    ...(['acct1', 'a2V5==', 'https://acct1.blob.core.chinacloudapi.cn'] as const),
  ],
  [
    { AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' },
    ...(['devstoreaccount1', expect.stringMatching(/^Eby8/), 'http://127.0.0.1:10000/devstoreaccount1'] as const),
  ],
  [
    { AZURE_STORAGE_CONNECTION_STRING: 'AccountName=acct1;AccountKey=k;BlobEndpoint=http://azurite:10000/acct1/;' },
    ...(['acct1', 'k', 'http://azurite:10000/acct1'] as const),
  ],
  [
    {
      AZURE_STORAGE_CONNECTION_STRING:
        'BlobEndpoint=https://acct1.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%3D',
    },
    ...(['acct1', 'sv=1&sig=a%3D', undefined] as const),
  ],
  [{ AZURE_STORAGE_ACCOUNT: 'acct1', AZURE_STORAGE_KEY: 'k' }, 'acct1', 'k', undefined],
  [{ AZURE_STORAGE_ACCOUNT: 'acct1', AZURE_STORAGE_SAS_TOKEN: 'sv=1' }, 'acct1', 'sv=1', undefined],
])('reads an account from %j', (env, name, secret, endpoint) => {
  const account = usualAccount(env)
  expect([account?.name, account?.secret, account?.endpoint]).toEqual([name, secret, endpoint])
  const { accounts } = serveConfig([], { BLOBGRES_BACKEND: 'postgres://u@h', ...env }).storageEndpoints
  expect([...accounts]).toEqual(endpoint === undefined ? [] : [[name, endpoint]])
  expect(readDevConfig({}, env).accounts).toEqual([name])
})

it('has its own options before what Azure tools use', () => {
  const env = { BLOBGRES_BACKEND: 'postgres://u@h', AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' }
  const { storageEndpoints } = serveConfig(['--storage-endpoint', 'http://a/{account}'], env)
  expect(storageEndpoints).toMatchObject({ defaultTemplate: 'http://a/{account}', accounts: new Map() })
  expect(readDevConfig({ account: ['other'] }, env).accounts).toEqual(['other'])
})

it('refuses a connection string that names no account, without its secret', () => {
  expect(() => usualAccount({ AZURE_STORAGE_CONNECTION_STRING: 'AccountKey=s3cret' })).toThrow(
    /^AZURE_STORAGE_CONNECTION_STRING: neither AccountName nor BlobEndpoint names an account$/,
  )
})
