import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerClient } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spoolBlob } from '../../src/storage/blob-spool.ts'
import { createContainer } from '../support/azurite.ts'
import { blobIn } from '../support/blobs.ts'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { namesIn } from '../support/private-folder.ts'
import { Random } from '../support/random.ts'
import { azurite } from '../support/servers.ts'
import { needTool } from '../support/tools.ts'

const MEBIBYTE = 1024 * 1024
const LARGE = new Random(1).bytes(25 * MEBIBYTE + 1)

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
  const contentsOf = async (name: string, template?: string): Promise<Buffer> => {
    const { path, close } = await spoolBlob(blobIn(container, name, template), { tempDir }, signal)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const contents = readFileSync(path)
    await close()
    expect(namesIn(tempDir)).toEqual([])
    return contents
  }

  it('is the blob, of any size', async () => {
    expect((await contentsOf('large')).equals(LARGE)).toBe(true)
    expect((await contentsOf('small')).toString()).toBe('PAR1')
    expect((await contentsOf('empty')).length).toBe(0)
  })

  it('outlives connections that break', async () => {
    const storage = await startFaultyStorage(azurite, connection => (connection % 2 === 0 ? 3_000_000 : Infinity))
    expect((await contentsOf('large', storage.endpointTemplate)).equals(LARGE)).toBe(true)
    expect(storage.cuts).toBeGreaterThan(0)
    await storage.close()
  })

  it('is of one version only', async () => {
    const changing = container.getBlockBlobClient('changing')
    await changing.uploadData(LARGE)
    const change = () => changing.uploadData(LARGE.subarray(1))
    const storage = await startFaultyStorage(azurite, connection => (connection === 0 ? 3_000_000 : Infinity), change)
    await expect(
      spoolBlob(blobIn(container, 'changing', storage.endpointTemplate), { tempDir }, signal),
    ).rejects.toMatchObject({
      message: 'azure_storage: the blob was changed while it was read',
      code: '55000',
    })
    await storage.close()
  })

  it('has a limit', async () => {
    const before = openFiles()
    const options = { tempDir, spoolLimitBytes: LARGE.length - 1 }
    await expect(spoolBlob(blobIn(container, 'large'), options, signal)).rejects.toMatchObject({
      message: 'azure_storage: the blob is too large for a temporary copy',
      code: '53400',
      detail: `It has ${LARGE.length} bytes, the limit is ${LARGE.length - 1}.`,
    })
    const { close } = await spoolBlob(blobIn(container, 'large'), { tempDir, spoolLimitBytes: 0 }, signal)
    await close()
    expect(openFiles()).toBeLessThanOrEqual(before + 4) // the connections that are kept
  })

  it('needs a folder', async () => {
    await expect(
      spoolBlob(blobIn(container, 'small'), { tempDir: join(tempDir, 'none') }, signal),
    ).rejects.toMatchObject({
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
      await expect(spoolBlob(blobIn(container, 'large'), { tempDir }, signal)).rejects.toMatchObject({
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
    const spooling = spoolBlob(blobIn(container, 'large', storage.endpointTemplate), { tempDir }, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 200)
    await expect(spooling).rejects.toThrow('enough')
    await storage.close()
  })
})
