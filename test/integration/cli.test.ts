import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { runCli, startCli } from '../support/dev-process.ts'
import { psql } from '../support/psql.ts'
import { azurite, servers } from '../support/servers.ts'
import { WireClient } from '../support/wire-client.ts'

const [server] = servers
const backend = `postgres://postgres@${server?.host}:${server?.port}/postgres`

describe('the command line', () => {
  it('explains itself, also to who asks for nothing', async () => {
    const [help, bare] = await Promise.all([runCli(['--help']), runCli([])])
    expect(help).toEqual({ status: 0, stdout: expect.stringContaining('Usage: blobgres'), stderr: '' })
    expect(bare).toEqual({ status: 2, stdout: '', stderr: help.stdout })
  })

  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    expect(await runCli(['--version'])).toEqual({ status: 0, stdout: `blobgres ${version}\n`, stderr: '' })
  })

  it.each([
    [['srve'], "blobgres: unknown command 'srve' (Did you mean serve?)\n"],
    [['serve', '--backend', backend, '--listen', 'x'], 'blobgres: --listen: "x" is not host:port\n'],
  ])('ends with status 2 and one line for %j', async (args, stderr) => {
    expect(await runCli(args)).toEqual({ status: 2, stdout: '', stderr })
  })

  it('ends with status 1 and one line when it cannot listen', async () => {
    const { status, stderr } = await runCli(['serve', '--backend', backend, '--listen', `127.0.0.1:${azurite.port}`])
    expect(status).toBe(1)
    expect(stderr.split('\n').filter(line => line.startsWith('blobgres: '))).toEqual([
      `blobgres: listen EADDRINUSE: address already in use 127.0.0.1:${azurite.port}`,
    ])
  })

  it('checks the health of what listens somewhere', async () => {
    const check = (port?: number) => runCli(['healthcheck', '--listen', `127.0.0.1:${port}`])
    const [postgres, storage, nobody] = await Promise.all([check(server?.port), check(azurite.port), check(1)])
    expect([postgres.status, storage.status, nobody.status]).toEqual([0, 1, 1])
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('serves until %s', async signal => {
    const listen = `127.0.0.1:${await freePort()}`
    const cli = startCli(['serve', '--backend', backend, '--listen', listen])
    const early = cli.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))
    while ((await psql(`postgres://postgres@${listen}/postgres`, 'SELECT 1')).status !== 0) {
      await Promise.race([early, sleep(50)])
    }
    early.catch(() => {})
    cli.kill(signal)
    expect(await cli.ended).toMatchObject({ status: 0 })
  })

  it('drains, and ends at once at a second signal', async () => {
    const listen = `127.0.0.1:${await freePort()}`
    const cli = startCli(['serve', '--backend', backend, '--listen', listen])
    const url = `postgres://postgres@${listen}/postgres`
    while ((await psql(url, 'SELECT 1')).status !== 0) await sleep(50)
    const client = await WireClient.connect(url)
    await client.query('BEGIN')
    cli.kill('SIGTERM')
    await sleep(1000)
    expect((await psql(url, 'SELECT 1')).stderr).toContain('the proxy is shutting down')
    expect(await client.query('COMMIT; BEGIN')).toContain('Z T')
    cli.kill('SIGINT')
    expect(await cli.ended).toMatchObject({ status: 1 })
    expect(await client.until('EOF')).toEqual(['EOF'])
  })
})
