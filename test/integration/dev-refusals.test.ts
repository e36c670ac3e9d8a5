import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processesNaming, runCli } from '../support/dev-process.ts'

describe('blobgres dev refuses with one line and status 1', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  })

  afterEach(async () => {
    expect(processesNaming(dataDir)).toEqual([])
    await rm(dataDir, { recursive: true, force: true })
  })

  async function refusal(listenPort = 0, azuritePort = 0): Promise<string> {
    const ports = ['--listen', `127.0.0.1:${listenPort}`, '--azurite-port', String(azuritePort)]
    const { status, stdout, stderr } = await runCli(['dev', '--data-dir', dataDir, ...ports])
    expect({ status, stdout, lines: stderr.split('\n').length }).toEqual({ status: 1, stdout: '', lines: 2 })
    return stderr.trimEnd()
  }

  it('a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await refusal(port)).toBe(`blobgres: port ${port} of 127.0.0.1 is in use; choose another with --listen`)
    expect(await refusal(0, port)).toBe(
      `blobgres: port ${port} of 127.0.0.1 is in use; choose another with --azurite-port`,
    )
    server.close()
  })

  it('to run twice on the same data', async () => {
    await writeFile(join(dataDir, 'lock'), `${process.pid}\n`)
    expect(await refusal()).toMatch(`blobgres: already running (pid ${process.pid})`)
  })

  it('a folder that is no cluster', async () => {
    await mkdir(join(dataDir, 'postgres'))
    await writeFile(join(dataDir, 'postgres', 'notes.txt'), 'mine')
    expect(await refusal()).toMatch(
      /^blobgres: the data folder .*\/postgres cannot be used: .*delete it to start afresh$/,
    )
  })

  it('a damaged cluster, with the reason that PostgreSQL gives', async () => {
    await mkdir(join(dataDir, 'postgres'), { mode: 0o700 })
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
    expect(await refusal()).toMatch(/cannot be used: .*postgresql\.conf.*; delete it to start afresh$/)
  })
})
