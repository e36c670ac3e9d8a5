import { availableParallelism } from 'node:os'
import { trusting } from '../storage/endpoints.ts'
import { backendConfig } from './backend-url.ts'
import type { Config } from './config.ts'
import { tlsConfig } from './tls-files.ts'
import type { Address } from './values.ts'

/** A configuration as it travels to a worker, secrets and all: what is not enumerable, or no plain data, is added. */
export interface PackedConfig {
  readonly config: Omit<Config, 'storageEndpoints'>
  readonly password: string | undefined
  readonly credentialKey: string | undefined
  readonly tlsKey: Buffer | undefined
  readonly endpoints: Omit<Config['storageEndpoints'], 'trust'>
  readonly storageCa: Buffer | undefined
}

/** Where a worker listens itself, for the functions of its sessions: 0, any port, unless the server was told which. */
export function portOfWorker({ listen, loopback }: Pick<Config, 'listen' | 'loopback'>, number: number): number {
  return loopback === undefined ? 0 : (listen.port || loopback.port) + number
}

/** What the server dials to reach it, where that was said: its port is as far from the proxy's as the one it listens at. */
export const loopbackOfWorker = ({ host, port }: Address, number: number): Address => ({ host, port: port + number })

/** What one of the workers of a proxy is told. */
export function packForWorker(config: Config, number: number): PackedConfig {
  const { storageEndpoints, workers = 1, parquetEngines = availableParallelism(), credentialKey, ...others } = config
  const { trust, ...endpoints } = storageEndpoints
  const loopback = config.loopback && loopbackOfWorker(config.loopback, number)
  return {
    config: {
      ...others,
      workers,
      ...(loopback && { loopback }),
      parquetEngines: Math.max(1, Math.floor(parquetEngines / workers)),
    },
    password: config.backend.password,
    credentialKey,
    tlsKey: config.tls?.key,
    endpoints,
    storageCa: trust?.ca,
  }
}

export function unpackConfig(packed: PackedConfig): Config {
  const { config, password, endpoints, storageCa, credentialKey, tlsKey } = packed
  const { backend, tls } = config
  const unpacked: Config = {
    ...config,
    backend: backendConfig({ ...backend, password }),
    storageEndpoints: Object.freeze({ ...endpoints, ...(storageCa && { trust: trusting(storageCa) }) }),
    ...(tls && tlsKey && { tls: tlsConfig(tls.cert, tlsKey) }),
  }
  return Object.freeze(Object.defineProperty(unpacked, 'credentialKey', { value: credentialKey, enumerable: false }))
}
