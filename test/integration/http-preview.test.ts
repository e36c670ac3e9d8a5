import { afterAll, beforeAll, expect, it } from 'vitest'
import { StorageBrowser } from '../../src/http/storage-browser.ts'
import { createContainer } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { azurite } from '../support/servers.ts'

let storage: HaltedStorage
let container: Awaited<ReturnType<typeof createContainer>>
const CSV = 'a\n1\n'.repeat(100_000)
const never = new AbortController().signal

beforeAll(async () => {
  storage = await startHaltedStorage(azurite, 10_000)
  container = await createContainer('preview')
  await container.getBlockBlobClient('a.csv').uploadData(Buffer.from(CSV))
})
afterAll(async () => {
  await container.delete()
  await storage.close()
})

const browser = (timeLimitMs?: number): StorageBrowser => {
  const endpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
  return new StorageBrowser(endpoints, [account], timeLimitMs)
}

it('waits for no preview for ever, and has others afterwards', async () => {
  storage.halt()
  const hurried = browser(500)
  const previews = Array.from({ length: 20 }, () =>
    hurried.preview(account.name, container.containerName, 'a.csv', never),
  )
  for (const { status } of await Promise.allSettled(previews)) expect(status).toBe('rejected')
  storage.open()
  const patient = browser()
  expect(await patient.preview(account.name, container.containerName, 'a.csv', never)).toMatchObject({ format: 'csv' })
})

it('ends one whose browser is gone, and goes on with the next', async () => {
  storage.halt()
  const patient = browser()
  const gone = new AbortController()
  const first = patient.preview(account.name, container.containerName, 'a.csv', gone.signal)
  const next = patient.preview(account.name, container.containerName, 'a.csv', never)
  gone.abort()
  await expect(first).rejects.toThrow()
  storage.open()
  expect(await next).toMatchObject({ format: 'csv' })
})
