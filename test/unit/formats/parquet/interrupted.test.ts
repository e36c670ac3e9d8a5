import { spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readParquet } from '../../../../src/formats/parquet/read-parquet.ts'
import { writeParquet } from '../../../../src/formats/parquet/write-parquet.ts'
import { parquetOf, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'
import { namesIn } from '../../../support/private-folder.ts'
import { childrenOf, listProcesses } from '../../../support/processes.ts'

const target = unnamed(scalar('int4'), scalar('text'))
const rows = Array.from({ length: 300_000 }, (_, i) => `${i}\tvalue ${i}\n`).join('')
const engineFailed = { code: 'XX000', message: 'azure_storage: the Parquet engine failed' }
let folder: string
let path: string
let temp: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'interrupted-'))
  path = join(folder, 'file')
  temp = join(folder, 'temp')
  await mkdir(temp)
  await writeFile(path, await parquetOf(rows, target))
})
afterAll(() => rm(folder, { recursive: true }))

const engines = (): number[] =>
  childrenOf(process.pid)
    .filter(({ command }) => command.includes('engine-process'))
    .map(({ pid }) => pid)

/** Pipes and files of ours. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter(
        link => link.includes('blobgres-parquet') && !link.endsWith('alive'),
      )
    } catch {
      return []
    }
  })

const kill = (): void => {
  for (const pid of engines()) process.kill(pid, 'SIGKILL')
}

/** Each test begins without an engine. */
beforeEach(async () => {
  kill()
  await expect.poll(engines).toEqual([])
})

async function read(signal: AbortSignal, atChunk: (chunks: number) => void): Promise<void> {
  let chunks = 0
  for await (const _ of readParquet(path, target, signal, temp)) atChunk(++chunks)
}

async function expectNothingLeft(): Promise<void> {
  expect(openFiles()).toEqual([])
  await expect.poll(engines).toEqual([])
  expect(namesIn(temp)).toEqual([])
}

test('an engine that is done waits for the next job, and takes it', async () => {
  await read(new AbortController().signal, () => {})
  const [first] = engines()
  expect(engines()).toEqual([first])
  await read(new AbortController().signal, () => {})
  expect(engines()).toEqual([first])
  expect(openFiles()).toEqual([])
})

test('jobs at the same time have an engine each; one of them stays', async () => {
  const texts = await Promise.all([1, 2, 3].map(async i => rowsOf(await parquetOf(`${i}\ta\n`, target), target)))
  expect(texts).toEqual(['1\ta\n', '2\ta\n', '3\ta\n'])
  await expect.poll(() => engines().length).toBe(1)
  expect(openFiles()).toEqual([])
})

test('a reader that leaves early', async () => {
  for await (const _ of readParquet(path, target, new AbortController().signal, temp)) break
  await expectNothingLeft()
})

test('a read that is aborted while rows come', async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  await expect(read(abort.signal, chunks => chunks === 2 && abort.abort(reason))).rejects.toBe(reason)
  await expectNothingLeft()
})

test('a read that is aborted while nobody asks for more', async () => {
  const abort = new AbortController()
  const iterator = readParquet(path, target, abort.signal, temp)
  await iterator.next()
  abort.abort()
  await expectNothingLeft()
  await expect(iterator.next()).rejects.toThrow()
})

test.each([0, 5, 50, 150, 300])('a read that is aborted after %i ms', async ms => {
  const abort = new AbortController()
  const reading = read(abort.signal, () => {})
  reading.catch(() => {})
  await sleep(ms)
  abort.abort()
  await reading.catch(error => expect(error.name).toBe('AbortError'))
  await expectNothingLeft()
})

test('an engine that is killed while it reads', async () => {
  await expect(read(new AbortController().signal, chunks => chunks === 2 && kill())).rejects.toMatchObject({
    ...engineFailed,
    detail: 'Its process ended (SIGKILL).',
  })
  await expectNothingLeft()
})

test('an engine that is killed before it has begun', async () => {
  const reading = read(new AbortController().signal, () => {})
  await expect.poll(engines, { interval: 1 }).toHaveLength(1)
  kill()
  await expect(reading).rejects.toMatchObject(engineFailed)
  await expectNothingLeft()
})

test('an idle engine that is killed: the next job gets a new one', async () => {
  await read(new AbortController().signal, () => {})
  kill()
  await expect.poll(engines).toEqual([])
  expect(await rowsOf(await parquetOf('1\ta\n', target), target)).toBe('1\ta\n')
})

test('an engine that is killed while it writes', async () => {
  const encoder = writeParquet(target, 'snappy', { tempDir: temp })
  const sink = new Writable({ write: (_chunk, _encoding, callback) => callback() })
  const source = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(rows)
    await expect.poll(engines, { interval: 1 }).toHaveLength(1)
    kill()
    for (let i = 0; i < 10; i++) yield Buffer.from(rows)
  }
  await expect(pipeline(source, encoder, sink)).rejects.toMatchObject(engineFailed)
  await expectNothingLeft()
})

test('an engine that is killed at the end of what it writes', async () => {
  const encoder = writeParquet(target, 'snappy', { tempDir: temp })
  const closed = new Promise(resolve => encoder.on('close', resolve))
  const failed = new Promise(resolve => encoder.on('error', resolve))
  encoder.write(rows)
  encoder.resume()
  await expect.poll(engines, { interval: 1 }).toHaveLength(1)
  kill()
  encoder.end()
  expect(await failed).toMatchObject(engineFailed)
  await closed
  await expectNothingLeft()
})

test.each([0, 5, 50, 150, 300])('a writer that is destroyed after %i ms', async ms => {
  const encoder = writeParquet(target, 'snappy', { tempDir: temp })
  const closed = new Promise(resolve => encoder.on('close', resolve))
  encoder.write(rows)
  encoder.write(rows)
  await sleep(ms)
  encoder.destroy()
  await closed
  await expectNothingLeft()
})

test('a writer that is destroyed before anything came', async () => {
  const encoder = writeParquet(target, 'snappy', { tempDir: temp })
  const closed = new Promise(resolve => encoder.on('close', resolve))
  encoder.destroy()
  await closed
  await expectNothingLeft()
})

test('an engine dies with the process that it works for', async () => {
  const script = join(folder, 'parent.mts')
  const source = join(import.meta.dirname, '../../../../src/formats/parquet/write-parquet.ts')
  await writeFile(
    script,
    `import { writeParquet } from ${JSON.stringify(source)}
     const encoder = writeParquet([{ name: 'a', shape: { kind: 'scalar', type: 'int4' } }], 'snappy')
     encoder.write('1\\n'.repeat(5_000_000), () => console.log('writing'))`,
  )
  const parent = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => parent.stdout.once('data', resolve))
  const children = childrenOf(parent.pid as number).map(({ pid }) => pid)
  expect(children.length).toBeGreaterThan(0)
  parent.kill('SIGKILL')
  const alive = (): number[] =>
    listProcesses()
      .map(({ pid }) => pid)
      .filter(pid => children.includes(pid))
  await expect.poll(alive, { timeout: 10_000 }).toEqual([])
})
