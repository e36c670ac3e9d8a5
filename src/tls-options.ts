export type { BackendTls, TlsConfig } from './config/tls-files.ts'
