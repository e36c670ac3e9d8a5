import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { ConfigError, type Environment } from '../../src/options.ts'

const ENV = { BLOBGRES_BACKEND: 'postgres://u:s3cret@h' }

function refusal(args: string, env: Environment = ENV): string {
  try {
    parseConfig(args.split(' ').filter(Boolean), env)
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
  ['--drain-timeout -1x', "Option '--drain-timeout' argument is ambiguous"],
  ['--drain-timeout soon', '--drain-timeout: "soon" is not a number of seconds'],
  ['--colour red', "Unknown option '--colour'"],
  ['extra', "Unexpected argument 'extra'"],
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
  expect(message).not.toContain('\n')
})

it('names the variable that a bad value came from', () => {
  expect(refusal('', { ...ENV, BLOBGRES_LISTEN: 'x' })).toBe('BLOBGRES_LISTEN: "x" is not host:port')
})

it('asks for a backend', () => {
  expect(refusal('', {})).toContain('--backend or BLOBGRES_BACKEND is required')
})

it.each([
  ['http://u:s3cret@h', 'not a PostgreSQL URL'],
  ['s3cret', 'not a PostgreSQL URL'],
  ['postgres://h/s3cret', 'the user is missing'],
  ['postgres://u:s3cret@h?gssencmode=require', 'unknown parameter "gssencmode"'],
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
