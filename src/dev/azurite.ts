import { fileURLToPath } from 'node:url'
import type { Address } from '../config/values.ts'
import type { CertificateFiles } from './certificate.ts'
import { type Child, startChild } from './child.ts'
import { resolveOptional } from './optional-package.ts'

export interface StorageAccount {
  readonly name: string
  /** Base64. */
  readonly key: string
}

/** What clients of the storage are given to find an account by; not of the certificate, which they do not trust. */
export function connectionString({ name, key }: StorageAccount, { host, port }: Address): string {
  const endpoint = `http://${host}:${port}/${name}`
  return `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};BlobEndpoint=${endpoint};`
}

export interface Azurite extends Child {
  readonly host: string
  readonly port: number
  /** URL of an account's blob service, with `{account}` for its name. */
  readonly endpointTemplate: string
}

export interface AzuriteOptions {
  readonly accounts: readonly StorageAccount[]
  /** 0 picks a free one. */
  readonly port: number
  /** Its folder; nothing is kept there with `inMemory`. */
  readonly location: string
  readonly inMemory?: boolean
  /** With it, Azurite speaks HTTPS alone, and takes bearer tokens. */
  readonly certificate?: CertificateFiles
  /** A module for Node to load first, besides our own. */
  readonly preload?: string
  readonly onOutput?: (chunk: Buffer) => void
}

/** @throws one line that says what to install */
export function azuriteProgram(): string {
  return resolveOptional('azurite/dist/src/blob/main.js')
}

const NAMES = fileURLToPath(new URL('azurite-names.cjs', import.meta.url))

/** Runs Azurite's blob service on 127.0.0.1. */
export async function startAzurite(options: AzuriteOptions): Promise<Azurite> {
  const program = azuriteProgram()
  const args = [
    ...[NAMES, options.preload].flatMap(module => (module === undefined ? [] : ['--require', module])),
    program,
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    String(options.port),
  ]
  args.push('--silent', '--skipApiVersionCheck', '--disableTelemetry')
  args.push(...(options.inMemory ? ['--inMemoryPersistence'] : ['--location', options.location]))
  const { certificate } = options
  if (certificate) args.push('--oauth', 'basic', '--cert', certificate.cert, '--key', certificate.key)
  const { child, ready } = await startChild({
    name: 'Azurite',
    command: process.execPath,
    args,
    options: {
      cwd: options.location,
      // In the environment and not in the arguments, which every user of the machine can read.
      env: { ...process.env, AZURITE_ACCOUNTS: options.accounts.map(({ name, key }) => `${name}:${key}`).join(';') },
    },
    ready: /successfully listens on (https?:\/\/127\.0\.0\.1:(\d+))/,
    stopSignal: 'SIGTERM',
    ...(options.onOutput && { onOutput: options.onOutput }),
  })
  return { ...child, host: '127.0.0.1', port: Number(ready[2]), endpointTemplate: `${ready[1]}/{account}` }
}
