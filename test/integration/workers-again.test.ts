import { pino } from 'pino'
import { expect, it } from 'vitest'
import { Workers } from '../../src/workers/workers.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

it('a worker that ends again and again is replaced later each time, and the log says so', async () => {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'error' }, { write: line => void lines.push(JSON.parse(line)) })
  const workers = await Workers.start(testConfig(servers[1] as (typeof servers)[number], { workers: 2 }), log)
  try {
    for (let i = 0; i < 2; i++) {
      const [, doomed] = workers.ready
      const others = new Set(workers.ready)
      process.kill(doomed?.pid as number, 'SIGKILL')
      await expect
        .poll(() => workers.ready.length === 2 && workers.ready.some(each => !others.has(each)), { timeout: 30_000 })
        .toBe(true)
    }
    expect(lines).toMatchObject([
      { worker: 2, signal: 'SIGKILL', delayMs: 0, msg: 'a worker has ended, and is replaced' },
      { worker: 2, signal: 'SIGKILL', delayMs: 1000 },
    ])
  } finally {
    await workers.close(0)
  }
}, 120_000)
