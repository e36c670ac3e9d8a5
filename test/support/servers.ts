import { inject } from 'vitest'
import type { StorageAccount } from '../../src/dev/azurite.ts'
import type { CertificateFiles } from '../../src/dev/certificate.ts'

/** A PostgreSQL that trusts its superuser on 127.0.0.1. */
export interface PostgresServer {
  readonly version: 15 | 18
  readonly host: string
  readonly port: number
  readonly superuser: 'postgres'
}

/** One that all tests share: it trusts everybody but the members of `scram_users`, `md5_users` and `password_users`. */
export interface TestServer extends PostgresServer {
  /** The directory of its Unix socket. */
  readonly socketDir: string
  /** It offers TLS with this, self-signed for `localhost` and 127.0.0.1. */
  readonly certificate: CertificateFiles
}

export interface TestAzurite {
  readonly host: string
  readonly port: number
  readonly endpointTemplate: string
  readonly accounts: StorageAccount[]
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: TestServer[]
    azurite: TestAzurite
  }
}

/** PostgreSQL 15 and 18, for `describe.each(servers)('… on PostgreSQL $version', …)`. */
export const servers = inject('servers')

/** One Azurite with the accounts `devacct1` and `devacct2`. */
export const azurite = inject('azurite')
