import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import { startDev } from '../support/dev-process.ts'
import { expectReadmeSession, readmeUrl } from '../support/readme-session.ts'

it("blobgres dev has README's first session as README shows it", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'blobgres-dev-'))
  const dev = await startDev(dataDir)
  try {
    const port = Number(/listens on 127\.0\.0\.1:(\d+)/.exec(dev.banner)?.[1])
    await expectReadmeSession(readmeUrl('127.0.0.1', port))
  } finally {
    dev.kill('SIGTERM')
    await dev.ended
    await rm(dataDir, { recursive: true, force: true })
  }
})
