import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readDevConfig } from '../config/dev-config.ts'
import { parseSnapshotName } from '../config/option-values.ts'
import { type Environment, type Flags, readOptions } from '../config/read-options.ts'
import { createLogger } from '../log.ts'
import type { StackAccess } from './access.ts'
import { askStack } from './control.ts'
import type { DevStack } from './dev.ts'

/*
 * What commands do with a stack of the data folder they are told: the one that runs, or one that is started for it, where nobody
 * else looks for it. Each resolves with the exit status.
 */

interface Status extends StackAccess {
  readonly pid: number
  readonly snapshots: readonly string[]
}

export async function status(flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  const { dataDir, output } = readOptions('status', flags, ...environments)
  const folder = resolve(dataDir)
  const running = (await askStack(folder, 'status')) as Status | undefined
  if (running === undefined) {
    if (output === 'json') print(JSON.stringify({ running: false, dataDir: folder }, undefined, 2))
    else process.stderr.write(`blobgres: no stack runs on ${folder}: blobgres dev starts it\n`)
    return 1
  }
  print({ json: asJson, env: asVariables, pretty: asText }[output](running, folder))
  return 0
}

const asJson = (running: Status, dataDir: string): string =>
  JSON.stringify({ running: true, dataDir, ...running }, undefined, 2)

/** For shells and files `.env`: in double quotes, where nothing else of it means anything. */
const asVariables = ({ connectionUri, storageConnectionString }: Status): string =>
  Object.entries({ DATABASE_URL: connectionUri, AZURE_STORAGE_CONNECTION_STRING: storageConnectionString })
    .map(([name, value]) => `${name}="${value.replace(/["$\\`]/g, '\\$&')}"`)
    .join('\n')

const asText = (running: Status, dataDir: string): string => `Blobgres runs (pid ${running.pid}); data in ${dataDir}
  admin      ${running.connectionUri}
  superuser  ${running.superuserUri}
  storage    ${running.storageConnectionString}
  accounts   ${running.accounts.join(', ')}
  snapshots  ${running.snapshots.join(', ') || 'none'}`

export async function stop(flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  const folder = resolve(readOptions('stop', flags, ...environments).dataDir)
  const answer = await askStack(folder, 'stop')
  print(answer === undefined ? `No stack runs on ${folder}` : `Stopped the stack on ${folder}`)
  return 0
}

export async function reset(flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  const { dataDir } = readOptions('reset', flags, ...environments)
  await change(dataDir, environments, 'reset', undefined, stack => stack.reset())
  print('Databases, roles and blobs are what they were when they were new')
  return 0
}

export async function snapshot(name: string, flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  parseSnapshotName({ name: 'snapshot', value: name })
  const { dataDir } = readOptions('snapshot', flags, ...environments)
  await change(dataDir, environments, 'snapshot', name, stack => stack.snapshot(name))
  print(`Kept: blobgres restore ${name} brings it back`)
  return 0
}

export async function restore(name: string, flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  parseSnapshotName({ name: 'restore', value: name })
  const { dataDir } = readOptions('restore', flags, ...environments)
  await change(dataDir, environments, 'restore', name, stack => stack.restore(name))
  print(`Databases, roles and blobs are what they were at snapshot ${name}`)
  return 0
}

export async function seed(flags: Flags, ...environments: readonly Environment[]): Promise<number> {
  const { dataDir, seed } = readOptions('seed', flags, ...environments)
  const folder = seed === undefined ? undefined : resolve(seed)
  await change(dataDir, environments, 'seed', folder, stack => stack.seed(folder))
  print('The seed is in place')
  return 0
}

async function change(
  dataDir: string,
  environments: readonly Environment[],
  verb: string,
  argument: string | undefined,
  work: (stack: DevStack) => Promise<void>,
): Promise<void> {
  const folder = resolve(dataDir)
  if ((await askStack(folder, verb, argument)) !== undefined) return
  await access(join(folder, 'postgres')).catch(cause => {
    throw new Error(`there is no stack in ${folder}: blobgres dev makes one`, { cause })
  })
  const flags = { 'data-dir': [folder], listen: ['127.0.0.1:0'], port: ['0'], 'azurite-port': ['0'], http: ['off'] }
  const config = readDevConfig({ ...flags, ...(verb === 'seed' && argument && { seed: [argument] }) }, ...environments)
  const { startDevStack } = await import('./dev.ts')
  const stack = await startDevStack(config, createLogger(config.logLevel))
  try {
    await work(stack)
  } finally {
    await stack.close()
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
