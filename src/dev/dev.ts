import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { Admin, DevConfig } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'
import type { Logger } from '../log.ts'
import { type RunningProxy, startProxy } from '../proxy.ts'
import { ACCOUNT_PLACEHOLDER } from '../storage/endpoints.ts'
import { type Azurite, azuriteProgram, type StorageAccount, startAzurite } from './azurite.ts'
import { banner } from './banner.ts'
import { type CertificateFiles, ensureCertificate } from './certificate.ts'
import type { Child } from './child.ts'
import { isClusterRunning, removeStalePidFile, startDevPostgres } from './dev-postgres.ts'
import { embeddedBinaries } from './embedded-postgres.ts'
import { freePort, isFree } from './free-port.ts'
import { type InitScripts, prepareInitScripts } from './init-scripts.ts'
import { isRunning, lockDataDir } from './lock.ts'
import { DRAIN_TIMEOUT_MS, stackConfig, tellOfStack } from './running-stack.ts'
import { SAMPLE_ACCOUNT, uploadSamples } from './samples.ts'
import { setUp } from './set-up.ts'
import { type StorageFront, startStorageFront } from './storage-front.ts'

/** Azurite's usual account, for the tools that expect it. */
const AZURITE_ACCOUNT = 'devstoreaccount1'
/** An earlier run that was killed leaves servers that notice it and stop: the time they may take. */
const LEFTOVERS_TIMEOUT_MS = 8000

export interface DevStack {
  /** What to tell the user. */
  readonly banner: string
  /** Of the proxy, and of Azurite. */
  readonly listen: Address
  readonly storage: Address
  /** Rejects when PostgreSQL or Azurite ends although nobody asked it to. */
  readonly failure: Promise<never>
  close(): Promise<void>
}

/** Starts PostgreSQL, Azurite and the proxy, with the extension, an account and samples in place. */
export async function startDevStack(
  config: DevConfig,
  log: Logger,
  progress = (_step: string) => {},
): Promise<DevStack> {
  azuriteProgram()
  await embeddedBinaries()
  const { dataDir, listen } = config
  const azuriteAddress = { host: listen.host, port: config.azuritePort }
  const postgresDir = join(dataDir, 'postgres')
  const azuriteDir = join(dataDir, 'azurite')
  const azuritePid = join(dataDir, 'azurite.pid')
  await mkdir(azuriteDir, { recursive: true })
  const lock = await lockDataDir(dataDir)
  const children: Child[] = []
  let front: StorageFront | undefined
  let proxy: RunningProxy | undefined
  const close = async (): Promise<void> => {
    await proxy?.close(DRAIN_TIMEOUT_MS)
    await front?.close()
    await Promise.all(children.map(child => child.stop()))
    await lock.release()
  }
  const keep = <T extends Child>(child: T): T => {
    children.push(child)
    return child
  }

  try {
    if (lock.tookOver) await waitForLeftovers(postgresDir, azuritePid)
    await removeStalePidFile(postgresDir, lock.isReborn)
    await assertFree(listen, '--listen')
    await assertFree(azuriteAddress, '--azurite-port')
    const initScripts = await prepareInitScripts(config.initScripts, dataDir, postgresDir)
    const port = await freePort()
    const accounts = storageAccounts(config)
    progress(existsSync(postgresDir) ? 'Starting PostgreSQL and Azurite' : 'Making a database with initdb')
    const certificate = await ensureCertificate(dataDir, 'azurite', ['localhost', '127.0.0.1'])
    const [postgres, azurite] = await startServers(config, port, accounts, certificate, keep)
    await writeFile(azuritePid, `${azurite.pid}\n`)
    const ca = await readFile(certificate.cert)
    front = await startStorageFront(azuriteAddress, azurite, ca)
    progress('Looking after the samples')
    await uploadSamples(`${front.url}/${accounts[0].name}`, accounts[0])
    const servers = { listen, postgresPort: port, endpoint: storageTemplate(front, azurite), accounts }
    const serving = stackConfig(servers, ca, config)
    progress(`Preparing the database ${config.admin.database}`)
    await prepareDatabase(serving, config.admin, accounts, initScripts, log)
    proxy = await startProxy(serving, log)
    await tellOfStack(dataDir, { ...servers, listen: proxy.address })
    return {
      banner: banner({ ...config, listen: proxy.address, azurite: front, account: accounts[0] }),
      listen: proxy.address,
      storage: front,
      failure: Promise.race([ended('PostgreSQL', postgres), ended('Azurite', azurite)]),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The samples' first. */
function storageAccounts({
  accounts,
  accountKey = SAMPLE_ACCOUNT.key,
}: DevConfig): [StorageAccount, ...StorageAccount[]] {
  const names = new Set([AZURITE_ACCOUNT, ...accounts])
  names.delete(SAMPLE_ACCOUNT.name)
  const withKey = (name: string) => ({ name, key: accounts.includes(name) ? accountKey : SAMPLE_ACCOUNT.key })
  return [withKey(SAMPLE_ACCOUNT.name), ...[...names].map(withKey)]
}

/** PostgreSQL on `port`, and Azurite with these accounts; `keep` gets each that has started, whatever becomes of the other. */
async function startServers(
  config: DevConfig,
  port: number,
  accounts: readonly StorageAccount[],
  certificate: CertificateFiles,
  keep: <T extends Child>(child: T) => T,
): Promise<readonly [Child, Azurite]> {
  const { dataDir } = config
  const starts = [
    startDevPostgres(join(dataDir, 'postgres'), config, port, logFile(dataDir, 'postgres.log')).then(keep),
    startAzurite({
      accounts,
      port: 0,
      certificate,
      location: join(dataDir, 'azurite'),
      onOutput: logFile(dataDir, 'azurite.log'),
    }).then(keep),
  ] as const
  // Wait for both even when one fails, so that no child is left out when all is closed.
  await Promise.allSettled(starts)
  return Promise.all(starts)
}

/** What users call the storage: URLs of it are then the accounts'. At an address that the certificate lacks, Azurite itself. */
function storageTemplate({ host, port }: StorageFront, { endpointTemplate }: Azurite): string {
  const isHere = ['127.0.0.1', 'localhost', '0.0.0.0', '::'].includes(host)
  return isHere ? `https://127.0.0.1:${port}/${ACCOUNT_PLACEHOLDER}` : endpointTemplate
}

/** What others are to find in place: done through a proxy that they do not know of, before there is theirs. */
async function prepareDatabase(
  config: Config,
  admin: Admin,
  accounts: readonly StorageAccount[],
  initScripts: InitScripts,
  log: Logger,
): Promise<void> {
  const proxy = await startProxy({ ...config, listen: { host: '127.0.0.1', port: 0 } }, log)
  try {
    await setUp(proxy.address, admin, accounts)
    await initScripts.run(proxy.address, admin)
  } finally {
    await proxy.close(0)
  }
}

async function ended(name: string, child: Child): Promise<never> {
  await child.exited
  throw new Error(`${name} has ended unexpectedly; its log is in the data folder`)
}

function logFile(dataDir: string, name: string): (chunk: Buffer) => void {
  const stream = createWriteStream(join(dataDir, name))
  return chunk => stream.write(chunk)
}

async function assertFree(address: Address, flag: string): Promise<void> {
  if (await isFree(address)) return
  throw new Error(`port ${address.port} of ${address.host} is in use; choose another with ${flag}`)
}

async function waitForLeftovers(postgresDir: string, azuritePid: string): Promise<void> {
  const deadline = Date.now() + LEFTOVERS_TIMEOUT_MS
  const remain = async (): Promise<boolean> => (await isClusterRunning(postgresDir)) || (await isRunning(azuritePid))
  while (Date.now() < deadline && (await remain())) await sleep(100)
}
