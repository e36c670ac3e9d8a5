import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStatusPage } from '../../src/dev/status-page.ts'
import { createLogger } from '../../src/log.ts'
import { type CliProcess, startCli } from '../support/dev-process.ts'
import { ask, type HttpStack, startHttpStack } from '../support/http.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

const server = servers[0] as (typeof servers)[number]

describe('The address of --http', () => {
  let stack: HttpStack
  const start = (elseFree: boolean) => {
    const { proxy, http } = stack
    const options = { proxy, config: testConfig(server), log: createLogger('silent') }
    return startStatusPage({ ...http.address, elseFree }, options, [])
  }

  beforeAll(async () => {
    stack = await startHttpStack(server, { workers: 1 })
  })
  afterAll(() => stack.close())

  it('is a free one where that of dev is taken, so that stacks run side by side', async () => {
    const other = await start(true)
    expect(other?.address.port).not.toBe(stack.http.address.port)
    expect(await ask(`http://127.0.0.1:${other?.address.port}/livez`)).toMatchObject({ status: 200 })
    await other?.close()
  })

  it('is no other than the one that was asked for', async () => {
    await expect(start(false)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('blobgres serve', () => {
  const serve = (...flags: readonly string[]): CliProcess => {
    const backend = `postgres://postgres@${server.host}:${server.port}/postgres`
    return startCli(['serve', '--backend', backend, '--listen', '127.0.0.1:0', ...flags])
  }

  it('has a status page where it is told to, which is the last to go', async () => {
    const cli = serve('--http', '127.0.0.1:0')
    const log = await cli.logged(/status page/)
    const port = /"port":(\d+),"msg":"status page/.exec(log)?.[1]
    expect(await ask(`http://127.0.0.1:${port}/readyz`)).toMatchObject({ status: 200 })
    cli.kill('SIGTERM')
    expect(await cli.ended).toMatchObject({ status: 0 })
  })

  it('ends where the address cannot be had', async () => {
    const cli = serve('--http', `127.0.0.1:${server.port}`)
    expect(await cli.ended).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^blobgres: listen EADDRINUSE.*$/m),
    })
  })
})
