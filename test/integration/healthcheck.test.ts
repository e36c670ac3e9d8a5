import { expect, it } from 'vitest'
import { isAnswering } from '../../src/healthcheck.ts'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { startOwnServer } from '../support/own-postgres.ts'
import { testConfig } from '../support/stack.ts'

it('a proxy is healthy as long as its server answers, be it with a refusal', async () => {
  const server = await startOwnServer(18)
  const proxy = await startProxy(testConfig(server), createLogger('silent'))
  try {
    expect(await isAnswering(proxy.address)).toBe(true)
    expect(await isAnswering(proxy.address, { user: 'nobody', database: 'nowhere' })).toBe(true)
  } finally {
    await server.stop()
  }
  expect(await isAnswering(proxy.address)).toBe(false)
  await proxy.close(0)
})
