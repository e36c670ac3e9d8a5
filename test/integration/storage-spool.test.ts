import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Blob } from '../../src/storage/blob-client.ts'
import { BlobParts, type SpoolOptions } from '../../src/storage/blob-parts.ts'
import { createContainer } from '../support/azurite.ts'
import { blobIn } from '../support/blobs.ts'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { namesIn } from '../support/private-folder.ts'
import { Random } from '../support/random.ts'
import { azurite } from '../support/servers.ts'
import { needTool } from '../support/tools.ts'

const MEBIBYTE = 1024 * 1024
const LARGE = new Random(1).bytes(25 * MEBIBYTE + 1)

/** The number of bytes of the blob's end that tell what is where. */
const endBytes = (): number => MEBIBYTE

describe('a temporary copy of a blob', () => {
  let container: ContainerClient
  const tempDir = mkdtempSync(join(tmpdir(), 'blobgres-spool-'))
  const { signal } = new AbortController()
  beforeAll(async () => {
    container = await createContainer('spool')
    await container.getBlockBlobClient('large').uploadData(LARGE)
    await container.getBlockBlobClient('empty').uploadData(Buffer.alloc(0))
    await container.getBlockBlobClient('small').uploadData(Buffer.from('PAR1'))
  })
  afterAll(async () => {
    expect(namesIn(tempDir)).toEqual([])
    rmSync(tempDir, { recursive: true })
    await container.delete()
  })
  const openFiles = (): number => readdirSync('/proc/self/fd').length
  const open = (blob: Blob, options: SpoolOptions = { tempDir }, by = signal): Promise<BlobParts> =>
    BlobParts.open(blob, options, by, endBytes)
  /** Of all parts; each has its own bytes where they are in the blob. */
  const contentsOf = async (name: string, ends: number[], template?: string): Promise<Buffer> => {
    const parts = await open(blobIn(container, name, template))
    expect(statSync(parts.path).mode & 0o777).toBe(0o600)
    parts.cut(ends)
    const contents: Buffer[] = []
    for (let part = 0; await parts.next(); part++) {
      contents.push(readFileSync(parts.path).subarray(ends[part - 1] ?? 0, ends[part]))
    }
    await parts.close()
    expect(namesIn(tempDir)).toEqual([])
    return Buffer.concat(contents)
  }
  const spool = async (blob: Blob, options?: SpoolOptions, by?: AbortSignal): Promise<void> => {
    const parts = await open(blob, options, by)
    try {
      parts.cut([LARGE.length])
      await parts.next()
    } finally {
      await parts.close()
    }
  }

  it('is the blob, of any size', async () => {
    expect((await contentsOf('large', [LARGE.length])).equals(LARGE)).toBe(true)
    expect((await contentsOf('small', [4])).toString()).toBe('PAR1')
    expect((await contentsOf('empty', [0])).length).toBe(0)
  })

  it('is in parts', async () => {
    const ends = [8, 9, 9, 20.5].map(mebibytes => mebibytes * MEBIBYTE)
    expect((await contentsOf('large', [...ends, LARGE.length])).equals(LARGE)).toBe(true)
  })

  it('has the end of the blob first', async () => {
    const parts = await open(blobIn(container, 'large'))
    const end = LARGE.subarray(-MEBIBYTE)
    expect(readFileSync(parts.path).subarray(-MEBIBYTE).equals(end)).toBe(true)
    await parts.close()
    expect(namesIn(tempDir)).toEqual([])
  })

  it.each([
    [[9 * MEBIBYTE, LARGE.length - 1000]],
    [[LARGE.length - 1000]],
    [[9 * MEBIBYTE, LARGE.length - 100_000, LARGE.length - 1000]],
  ])('is downloaded once: %j', async ends => {
    const blob = blobIn(container, 'large')
    let bytes = 0
    const onBytes = (count: number): void => {
      bytes += count
    }
    const counted: Blob = { ...blob, download: options => blob.download({ ...options, onBytes }) }
    const parts = await BlobParts.open(counted, { tempDir }, signal, () => 1000)
    parts.cut(ends)
    while (await parts.next());
    await parts.close()
    expect(bytes).toBe(LARGE.length)
  })

  it('has few parts at a time', async () => {
    const parts = await open(blobIn(container, 'large'))
    parts.cut(Array.from({ length: 100 }, (_, i) => Math.min(i * MEBIBYTE, LARGE.length)))
    for (let part = 0; part < 5; part++) await parts.next()
    await sleep(100)
    const blocks = namesIn(tempDir).map(name => statSync(join(dirname(parts.path), name)).blocks)
    expect(blocks.reduce((sum, each) => sum + each * 512, 0)).toBeLessThan(23 * MEBIBYTE)
    await parts.close()
    expect(namesIn(tempDir)).toEqual([])
  })

  it('outlives connections that break', async () => {
    const storage = await startFaultyStorage(azurite, connection => (connection % 2 === 0 ? 3_000_000 : Infinity))
    expect((await contentsOf('large', [LARGE.length], storage.endpointTemplate)).equals(LARGE)).toBe(true)
    expect(storage.cuts).toBeGreaterThan(0)
    await storage.close()
  })

  it('is of one version only', async () => {
    const changing = container.getBlockBlobClient('changing')
    await changing.uploadData(LARGE)
    const change = () => changing.uploadData(LARGE.subarray(1))
    const storage = await startFaultyStorage(azurite, connection => (connection === 0 ? 3_000_000 : Infinity), change)
    await expect(spool(blobIn(container, 'changing', storage.endpointTemplate))).rejects.toMatchObject({
      message: 'azure_storage: the blob was changed while it was read',
      code: '55000',
    })
    await storage.close()
  })

  it('has a limit', async () => {
    const before = openFiles()
    const options = { tempDir, spoolLimitBytes: LARGE.length - 1 }
    await expect(open(blobIn(container, 'large'), options)).rejects.toMatchObject({
      message: 'azure_storage: the blob is too large for a temporary copy',
      code: '53400',
      detail: `It has ${LARGE.length} bytes, the limit is ${LARGE.length - 1}.`,
    })
    await spool(blobIn(container, 'large'), { tempDir, spoolLimitBytes: 0 })
    expect(openFiles()).toBeLessThanOrEqual(before + 4) // the connections that are kept
  })

  it('needs a folder', async () => {
    await expect(open(blobIn(container, 'small'), { tempDir: join(tempDir, 'none') })).rejects.toMatchObject({
      message: 'azure_storage: there is no place for a temporary copy of the blob',
      code: '58030',
    })
  })

  it('needs room', async () => {
    needTool('prlimit')
    const limitFiles = (bytes: string) =>
      execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:unlimited`])
    limitFiles('10000000') // which fails like a full disk, at some point
    try {
      await expect(spool(blobIn(container, 'large'))).rejects.toMatchObject({
        message: 'azure_storage: no space is left for a temporary copy of the blob',
        code: '53100',
      })
    } finally {
      limitFiles('unlimited')
    }
  })

  it('can be stopped at any time', async () => {
    const controller = new AbortController()
    const storage = await startFaultyStorage(
      azurite,
      () => 2_000_000,
      () => new Promise(() => {}),
    )
    const spooling = spool(blobIn(container, 'large', storage.endpointTemplate), { tempDir }, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 200)
    await expect(spooling).rejects.toThrow('enough')
    await storage.close()
  })
})
