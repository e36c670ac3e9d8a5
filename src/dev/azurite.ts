import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CertificateFiles } from './certificate.ts'
import { type Child, startChild } from './child.ts'
import { resolveOptional } from './optional-package.ts'

export interface StorageAccount {
  readonly name: string
  /** Base64. */
  readonly key: string
}

export interface Azurite extends Child {
  readonly host: string
  readonly port: number
  /** URL of an account's blob service, with `{account}` for its name. */
  readonly endpointTemplate: string
  /** Has azurite-snapshots.cjs do something. */
  tell(verb: 'keep' | 'restore' | 'forget' | 'forgetOthers', argument: unknown): Promise<void>
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

const OURS = ['azurite-names.cjs', 'azurite-snapshots.cjs'].map(name => fileURLToPath(new URL(name, import.meta.url)))

/** Runs Azurite's blob service on 127.0.0.1. */
export async function startAzurite(options: AzuriteOptions): Promise<Azurite> {
  const program = azuriteProgram()
  const args = [
    ...[...OURS, options.preload].flatMap(module => (module === undefined ? [] : ['--require', module])),
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
  const { child, ready, channel } = await startChild({
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
    hasChannel: true,
    ...(options.onOutput && { onOutput: options.onOutput }),
  })
  return {
    ...child,
    host: '127.0.0.1',
    port: Number(ready[2]),
    endpointTemplate: `${ready[1]}/{account}`,
    tell: teller(channel),
  }
}

interface Reply {
  readonly id: number
  readonly error?: string
}

function teller(channel: ChildProcess): Azurite['tell'] {
  let last = 0
  return (verb, argument) =>
    new Promise((resolve, reject) => {
      const id = ++last
      const settle = (error?: Error | null): void => {
        channel.off('message', onMessage).off('disconnect', onEnd)
        if (error) reject(error)
        else resolve()
      }
      const onMessage = (reply: Reply): void => {
        if (reply.id === id) settle(reply.error === undefined ? undefined : new Error(`Azurite: ${reply.error}`))
      }
      const onEnd = (): void => settle(new Error('Azurite has ended'))
      channel.on('message', onMessage).on('disconnect', onEnd)
      channel.send({ id, verb, argument }, error => {
        if (error) settle(error)
      })
    })
}
