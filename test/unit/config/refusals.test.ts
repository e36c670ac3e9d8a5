import { expect, it } from 'vitest'
import type { Environment } from '../../../src/config/read-options.ts'
import { ConfigError } from '../../../src/config/values.ts'
import { serveConfig } from '../../support/config.ts'

const ENV = { BLOBGRES_BACKEND: 'postgres://u:s3cret@h' }

function refusal(args: string, env: Environment = ENV): string {
  try {
    serveConfig(args.split(' ').filter(Boolean), env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

it.each([
  ['--listen 5433', '--listen: "5433" is not host:port'],
  ['--listen h:65536', '--listen: "h:65536" is not host:port'],
  ['--loopback ::1:5', '--loopback: "::1:5" is not host:port'],
  ['--log-level loud', '--log-level: "loud" is not one of trace, debug, info, warn, error, fatal, silent'],
  ['--azure-credential me', '--azure-credential: "me" is not one of managed-identity, default, emulated'],
  ['--drain-timeout -1x', '--drain-timeout: "-1x" is not a number of seconds'],
  ['--drain-timeout soon', '--drain-timeout: "soon" is not a number of seconds'],
  ['--workers 0', '--workers: "0" is not a number from 1 to 256, or auto'],
  ['--workers many', '--workers: "many" is not a number from 1 to 256, or auto'],
  ['--colour red', "unknown option '--colour'"],
  ['--bakend=postgres://u:s3cret@h', "unknown option '--bakend' (Did you mean --backend?)"],
  ['--credential-key s3cret', "unknown option '--credential-key'"],
  ['--backend', "option '--backend <url>' argument missing"],
  ['extra', "too many arguments for 'serve'"],
  ['--storage-endpoint http://h/x', 'a URL with {account} in it; for one account write account=URL'],
  ['--storage-endpoint acc=ftp://h', '"acc=ftp://h" is not an http(s) URL with {account}, or account=URL'],
  ['--storage-endpoint http://a/{account},http://b/{account}', 'two default URLs'],
  ['--tls-cert c.pem', '--tls-cert needs --tls-key beside it'],
  ['--tls-key k.pem', '--tls-key needs --tls-cert beside it'],
  ['--tls-cert /nowhere/c --tls-key /nowhere/k', '--tls-cert: cannot read "/nowhere/c" (ENOENT)'],
  ['--storage-ca package.json', '--storage-ca: "package.json" holds no PEM certificate'],
  ['--tls-cert package.json --tls-key package.json', 'not a usable certificate and key'],
])('refuses %s in one line', (args, expected) => {
  const message = refusal(args)
  expect(message).toContain(expected)
  expect(message).not.toMatch(/\n|s3cret/)
})

it('suggests the variable that a mistyped one may mean, and leaves others alone', () => {
  expect(refusal('', { BLOBGRES_BAKEND: 's3cret' })).toBe(
    'unknown variable BLOBGRES_BAKEND (Did you mean BLOBGRES_BACKEND?)',
  )
  // What Kubernetes sets beside a service of this name.
  const service = {
    BLOBGRES_PORT: 'tcp://10.0.0.1:5433',
    BLOBGRES_SERVICE_HOST: '10.0.0.1',
    BLOBGRES_SERVICE_PORT: '1',
  }
  expect(serveConfig([], { ...ENV, ...service }).listen.port).toBe(5433)
})

it('names the variable that a bad value came from', () => {
  expect(refusal('', { ...ENV, BLOBGRES_LISTEN: 'x' })).toBe('BLOBGRES_LISTEN: "x" is not host:port')
})

it('asks for a backend', () => {
  expect(refusal('', {})).toContain('--backend, BLOBGRES_BACKEND, DATABASE_URL or PGHOST is required')
})

it.each([
  ['http://u:s3cret@h', 'not a PostgreSQL URL'],
  ['s3cret', 'not a PostgreSQL URL'],
  ['postgres://h/s3cret', 'the user is missing'],
  ['postgres://u:s3cret@h?gssencmode=require', 'unknown parameter "gssencmode"'],
  ['postgres://u:s3cret@a,b:x/d', 'the port is not a port number'],
  ['postgres://u:s3cret@a,b/d?port=1,2,3', 'there are not as many ports as hosts'],
  ['postgres://u:s3cret@/d?host=a,', 'the host is missing'],
  [
    'postgres://u:s3cret@h?target_session_attrs=master',
    'target_session_attrs is not one of any, read-write, read-only',
  ],
  ['postgres://u:s3cret@h?sslmode=on', 'sslmode: "on" is not one of disable, prefer, require, verify-ca, verify-full'],
  ['postgres://u:s3cret@h?sslrootcert=x', 'sslrootcert is of use only with sslmode=verify-ca or verify-full'],
  ['postgres://u:s3cret@h?sslmode=verify-ca&sslrootcert=/no', 'sslrootcert: cannot read "/no" (ENOENT)'],
  ['postgres://u:s3cret@h?sslmode=verify-ca&sslrootcert=package.json', 'sslrootcert: "package.json" holds no PEM'],
  ['postgres://u:s3cret%@h', 'badly percent-encoded'],
  ['postgres://u:s3cret@h?port=0', 'the port is not a port number'],
])('refuses the backend %s without repeating it', (url, expected) => {
  const message = refusal('', { BLOBGRES_BACKEND: url })
  expect(message).toMatch(`BLOBGRES_BACKEND: ${expected}`)
  expect(message).not.toContain('s3cret')
})
