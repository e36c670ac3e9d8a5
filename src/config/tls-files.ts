import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { ConfigError, type Given, parseOneOf } from './values.ts'

/** What the proxy shows its clients. */
export interface TlsConfig {
  readonly cert: Buffer
  /** Not enumerable. */
  readonly key: Buffer
}

/** libpq's sslmode. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** How connections to the server are encrypted. */
export interface BackendTls {
  readonly mode: Exclude<(typeof SSL_MODES)[number], 'disable'>
  /** PEM certificates that the server's must lead to, instead of the usual ones. */
  readonly ca?: Buffer
}

/** Certificate and key for clients; undefined where neither is given. */
export function readTls(cert: Given | undefined, key: Given | undefined): TlsConfig | undefined {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined) throw new ConfigError(`${key?.name} needs --tls-cert beside it`)
  if (key === undefined) throw new ConfigError(`${cert.name} needs --tls-key beside it`)
  const files = { cert: readGivenFile(cert), key: readGivenFile(key) }
  try {
    createSecureContext(files)
  } catch (error) {
    const reason = (error as { reason?: string }).reason ?? (error as Error).message
    throw new ConfigError(`${cert.name} and ${key.name}: not a usable certificate and key (${reason})`)
  }
  return tlsConfig(files.cert, files.key)
}

export function tlsConfig(cert: Buffer, key: Buffer): TlsConfig {
  return Object.freeze(Object.defineProperty({ cert } as TlsConfig, 'key', { value: key, enumerable: false }))
}

/** Undefined: no TLS to the server. */
export function readBackendTls(sslmode: Given | undefined, sslrootcert: Given | undefined): BackendTls | undefined {
  const mode = sslmode && parseOneOf(sslmode, SSL_MODES)
  if (sslrootcert && mode !== 'verify-ca' && mode !== 'verify-full') {
    throw new ConfigError(`${sslrootcert.name} is of use only with sslmode=verify-ca or verify-full`)
  }
  if (mode === undefined || mode === 'disable') return undefined
  return Object.freeze({ mode, ...(sslrootcert && { ca: readCertificates(sslrootcert) }) })
}

/** A file of PEM certificates. */
export function readCertificates(file: Given): Buffer {
  const pem = readGivenFile(file)
  try {
    // Node itself takes anything for a list of certificates, if need be an empty one.
    new X509Certificate(pem)
  } catch {
    throw new ConfigError(`${file.name}: ${JSON.stringify(file.value)} holds no PEM certificate`)
  }
  return pem
}

function readGivenFile({ name, value }: Given): Buffer {
  try {
    return readFileSync(value)
  } catch (error) {
    throw new ConfigError(`${name}: cannot read ${JSON.stringify(value)} (${(error as NodeJS.ErrnoException).code})`)
  }
}
