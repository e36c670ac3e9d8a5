import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { processesNaming, startProgram } from '../support/dev-process.ts'
import { expectReadmeSession, readmeUrl } from '../support/readme-session.ts'

const ROOT = join(import.meta.dirname, '../..')

/** It builds first. */
const TIMEOUT_MS = 300_000

it(
  "npm start has README's first session as README shows it",
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
    const options = ['--data-dir', dataDir, '--listen', '127.0.0.1:0', '--azurite-port', '0']
    const dev = startProgram(['npm', 'start', '--', ...options], { cwd: ROOT })
    try {
      const banner = await dev.printed(/Ctrl-C/)
      const port = Number(/listens on 127\.0\.0\.1:(\d+)/.exec(banner)?.[1])
      await expectReadmeSession(readmeUrl('127.0.0.1', port))
    } finally {
      dev.kill('SIGTERM')
      await dev.ended
      expect(processesNaming(dataDir)).toEqual([])
      await rm(dataDir, { recursive: true, force: true })
    }
  },
  TIMEOUT_MS,
)
