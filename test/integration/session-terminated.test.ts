import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { wire } from '../support/wire.ts'
import { WireClient } from '../support/wire-client.ts'

describe.each(servers)('A backend that ends on PostgreSQL $version', server => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startStack(server)
  })
  afterAll(() => stack.close())

  const terminated = 'E FATAL 57P01 terminating connection due to administrator command'

  it.each([
    ['idle', [wire.query('SELECT 1')], 'Z'],
    ['in a query', [wire.query('SELECT pg_sleep(20)')], ''],
    ['in COPY IN', [wire.query('CREATE TEMP TABLE t (a int)'), wire.query('COPY t FROM STDIN')], 'G'],
    ['in a pipeline', [wire.parse('SELECT 1'), wire.flush], '1'],
  ])('says so once: %s', async (_, bytes, until) => {
    const client = await WireClient.connect(stack.url())
    client.send(...bytes)
    await client.until(until)
    await new Promise(resolve => setTimeout(resolve, 50))
    await adminQuery(server, `SELECT pg_terminate_backend(${client.pid})`)
    expect((await client.until('EOF')).filter(line => /^E/.test(line))).toEqual([terminated, 'EOF'])
  })

  it('by its own timeouts, too', async () => {
    const client = await WireClient.connect(stack.url())
    await client.query(`SET idle_in_transaction_session_timeout = '100ms'`)
    await client.query('BEGIN')
    expect(await client.until('EOF')).toEqual([expect.stringMatching(/^E FATAL 25P03/), 'EOF'])
  })

  it('notifications reach a client that is idle', async () => {
    const client = await WireClient.connect(stack.url())
    await client.query('LISTEN c')
    const other = await WireClient.connect(stack.url())
    await other.query(`NOTIFY c, 'hello'`)
    expect(await client.until('A')).toEqual(['A c.hello.'])
    await client.close()
    await other.close()
  })
})
