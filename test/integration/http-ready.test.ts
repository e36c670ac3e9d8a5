import pg from 'pg'
import { expect, it } from 'vitest'
import type { ReadyView } from '../../src/http/api.ts'
import { startHttp } from '../../src/http/server.ts'
import { createLogger } from '../../src/log.ts'
import { startProxy } from '../../src/proxy.ts'
import { ask } from '../support/http.ts'
import { startOwnServer } from '../support/own-postgres.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

const log = createLogger('silent')
const listen = { host: '127.0.0.1', port: 0 }

async function ready(port: number): Promise<{ status: number | undefined } & ReadyView> {
  const { status, body } = await ask(`http://127.0.0.1:${port}/readyz`)
  return { status, ...JSON.parse(body) }
}

it.each(servers)('is ready until the server is gone, and lives on, with PostgreSQL $version', async ({ version }) => {
  const server = await startOwnServer(version)
  const config = testConfig(server)
  const proxy = await startProxy(config, log)
  const http = await startHttp({ listen, proxy, config, log })
  const { port } = http.address
  try {
    const ok = { ok: true }
    expect(await ready(port)).toEqual({
      status: 200,
      ready: true,
      checks: { draining: ok, backend: ok, loopback: ok },
    })
  } finally {
    await server.stop()
  }
  await expect.poll(async () => (await ready(port)).status).toBe(503)
  expect((await ready(port)).checks.backend).toEqual({ ok: false, reason: expect.stringContaining('login') })
  expect(await ask(`http://127.0.0.1:${port}/livez`)).toMatchObject({ status: 200, body: 'ok\n' })
  await proxy.close(0)
  await http.close()
})

it.each(servers)('is not ready while it drains, on PostgreSQL $version', async server => {
  const config = testConfig(server)
  const proxy = await startProxy(config, log)
  const http = await startHttp({ listen, proxy, config, log })
  const { host, port } = proxy.address
  const client = new pg.Client({ host, port, user: server.superuser, database: 'postgres' })
  client.on('error', () => {}) // the drain ends its session
  await client.connect()
  await client.query('BEGIN')
  const closed = proxy.close(10_000)
  const answer = await ready(http.address.port)
  expect(answer).toMatchObject({
    status: 503,
    checks: { draining: { ok: false, reason: 'the proxy is shutting down' } },
  })
  await client.query('COMMIT').catch(() => {})
  await closed
  await http.close()
})

it('says that the server does not reach it', async () => {
  const [server] = servers as [(typeof servers)[number]]
  const config = testConfig(server, { loopback: { host: '127.0.0.1', port: 1 } })
  const proxy = await startProxy(config, log)
  const http = await startHttp({ listen, proxy, config, log })
  expect(await ready(http.address.port)).toMatchObject({
    status: 503,
    checks: { backend: { ok: true }, loopback: { ok: false, reason: expect.stringContaining('--loopback') } },
  })
  await proxy.close(0)
  await http.close()
})
