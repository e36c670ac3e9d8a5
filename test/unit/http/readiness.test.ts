import { expect, it } from 'vitest'
import { Readiness } from '../../../src/http/readiness.ts'

it('gives a look up that gets no answer, and looks again', async () => {
  const signals: AbortSignal[] = []
  const proxy = {
    address: { host: '127.0.0.1', port: 1 },
    isDraining: false,
    isReachable: (signal: AbortSignal) =>
      signals.push(signal) > 1 ? Promise.resolve(true) : new Promise<never>(() => {}),
  }
  const backend = { host: '127.0.0.1', port: 1, user: 'postgres', database: 'postgres' } as never
  const readiness = new Readiness(proxy, { backend }, 20)
  expect((await readiness.look()).checks.loopback.ok).toBe(false)
  await expect.poll(async () => (await readiness.look()).checks.loopback, { timeout: 10_000 }).toEqual({ ok: true })
  expect(signals.map(({ aborted }) => aborted)[0]).toBe(true)
})
