import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type HttpStack, startHttpStack, tokenOf } from '../support/http.ts'
import { servers } from '../support/servers.ts'

const [, server] = servers

describe('Who may ask the status page what', () => {
  let stack: HttpStack

  beforeAll(async () => {
    stack = await startHttpStack(server as (typeof servers)[number])
  })
  afterAll(() => stack.close())

  it.each(['/', '/api/transfers', '/metrics', '/readyz', '/none'])(
    'forbids pages and browsers all at %s',
    async path => {
      const { headers } = await ask(stack.origin + path)
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect(headers).not.toHaveProperty('access-control-allow-origin')
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
      expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'")
      expect(policy).not.toContain('unsafe')
    },
  )

  it.each([
    ['127.0.0.1:8433', 200],
    ['localhost', 200],
    ['[::1]:8433', 200],
    ['blobgres:8433', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example:8433', 421],
    ['127.0.0.1@evil.example', 400],
  ])('answers to the name %s with %i', async (host, status) => {
    for (const path of ['/', '/api/sessions', '/metrics']) {
      expect((await ask(stack.origin + path, { host })).status).toBe(status)
    }
  })

  it.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ origin: 'http://127.0.0.1:3000' }],
    [{ origin: 'null' }],
  ])('refuses the API to other pages: %j', async headers => {
    const token = { 'x-blobgres-token': await tokenOf(stack.origin) }
    expect(await ask(`${stack.origin}/api/sessions`, headers)).toMatchObject({ status: 403 })
    expect(await ask(`${stack.origin}/api/transfers/1/cancel`, { ...headers, ...token }, 'POST')).toMatchObject({
      status: 403,
    })
  })

  it('has as many listeners as it can bear, and room again when they go', async () => {
    const listen = () => {
      const over = new AbortController()
      return fetch(`${stack.origin}/api/events`, { signal: over.signal }).then(({ status }) => ({ status, over }))
    }
    const all = await Promise.all(Array.from({ length: 32 }, listen))
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
    expect((await listen()).status).toBe(503)
    for (const { over } of all) over.abort()
    await expect.poll(async () => (await listen()).status).toBe(200)
  })

  it('takes nobody for a listener who asks for the headers of the events alone', async () => {
    const events = `${stack.origin}/api/events`
    for (let i = 0; i < 40; i++) expect((await ask(events, {}, 'HEAD')).status).toBe(200)
  })
})
