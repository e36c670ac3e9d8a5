import { afterEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { ask } from '../support/http.ts'
import { childrenOf, listProcesses } from '../support/processes.ts'
import { servers } from '../support/servers.ts'
import { serveSockets } from '../support/socket-server.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

/** Each test starts several processes. */
vi.setConfig({ testTimeout: 120_000 })

const FAREWELL = ['E FATAL 57P01 terminating connection due to administrator command', 'EOF']

describe.each(servers)('blobgres serve --workers 2, on PostgreSQL $version', server => {
  let cli: CliProcess
  const backend = `postgres://${server.superuser}@${server.host}:${server.port}/postgres`
  const serve = (...flags: readonly string[]): CliProcess => {
    cli = startCli(['serve', '--workers', '2', ...flags], { BLOBGRES_BACKEND: backend })
    return cli
  }
  const workersOf = ({ pid }: CliProcess): number[] =>
    childrenOf(pid)
      .filter(({ command }) => /workers\/worker\./.test(command))
      .map(each => each.pid)
  const start = async (...flags: readonly string[]): Promise<{ url: string; log: string; workers: number[] }> => {
    const log = await serve('--listen', '127.0.0.1:0', ...flags).logged(/"msg":"listening"/)
    const port = /"port":(\d+),"workers":2,"msg":"listening"/.exec(log)?.[1]
    return { url: `postgres://${server.superuser}@127.0.0.1:${port}/postgres`, log, workers: workersOf(cli) }
  }
  const isGone = (pids: readonly number[]): boolean => !listProcesses().some(({ pid }) => pids.includes(pid))

  afterEach(async () => {
    cli.kill('SIGKILL')
    await cli.ended
  })

  it('is told to end once, by Ctrl-C or by a supervisor that tells all processes, and lets sessions finish', async () => {
    const { url, log, workers } = await start('--http', '127.0.0.1:0')
    const page = await cli.logged(/status page/)
    expect(workers).toHaveLength(2)
    expect(log).toMatch(/"worker":1,.*listening for the functions/)
    expect(log).toMatch(/"worker":2,.*listening for the functions/)
    const [first, second] = [await WireClient.connect(url), await WireClient.connect(url)]
    for (const client of [first, second]) await client.query('BEGIN')
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      for (const pid of [cli.pid, ...workers]) process.kill(pid, signal)
    }
    const ready = `http://127.0.0.1:${/"port":(\d+),"msg":"status page/.exec(page)?.[1]}/readyz`
    await expect.poll(async () => (await ask(ready)).body).toContain('the proxy is shutting down')
    const late = await WireClient.open(url)
    late.send(loginPacket(url))
    expect(await late.until('EOF')).toContain('E FATAL 57P03 blobgres: the proxy is shutting down')
    for (const client of [first, second]) {
      expect(await client.query('COMMIT')).toContain('C COMMIT.')
      expect((await client.until('EOF')).slice(-2)).toEqual(FAREWELL)
    }
    expect(await cli.ended).toMatchObject({ status: 0 })
    expect(isGone(workers)).toBe(true)
  })

  it('ends at once with the process that was started', async () => {
    const { url, workers } = await start()
    const client = await WireClient.connect(url)
    await client.query('BEGIN')
    cli.kill('SIGKILL')
    expect(await client.until('EOF')).toEqual(['EOF'])
    await expect.poll(() => isGone(workers)).toBe(true)
  })

  it('says once why it cannot start', async () => {
    const taken = await serveSockets(() => {})
    for (const [flags, words] of [
      [['--listen', `127.0.0.1:${taken.port}`], 'listen EADDRINUSE'],
      [['--backend', `postgres://postgres@127.0.0.1:${await freePort()}/postgres`], 'ECONNREFUSED'],
    ] as const) {
      const { status, stderr } = await serve(...flags).ended
      expect(status).toBe(1)
      expect(stderr.match(/^blobgres: .*$/gm)).toEqual([expect.stringContaining(words)])
    }
    await taken.close()
  })
})
