import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { startStalledStorage } from '../support/stalled-storage.ts'
import { wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const FAREWELL = ['E FATAL 57P01 terminating connection due to administrator command', 'EOF']

describe.each(servers)('Closing the proxy on PostgreSQL $version', server => {
  it('ends idle sessions at once, others when they are done, transfers after the time allowed', async () => {
    const storage = await startStalledStorage()
    const stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    await stack.client.query('CREATE TABLE source AS SELECT 1 AS a; CREATE TABLE log (a int)')
    const url = `${storage.endpointTemplate.replace('{account}', 'devacct1')}/container/f.csv`
    const [idle, busy, open, importing, exporting, silent] = (await Promise.all(
      Array.from({ length: 6 }, () => WireClient.connect(stack.url())),
    )) as [WireClient, WireClient, WireClient, WireClient, WireClient, WireClient]
    const [starting, mute] = await Promise.all([WireClient.open(stack.url()), WireClient.open(stack.url())])
    await open.query('BEGIN; INSERT INTO log VALUES (1)')
    importing.send(wire.query(`COPY log FROM '${url}'`))
    exporting.send(wire.query(`COPY source TO '${url}'; INSERT INTO log VALUES (2)`))
    while (storage.open < 2) await new Promise(resolve => setTimeout(resolve, 10))
    busy.send(wire.query('SELECT pg_sleep(0.3)'))
    silent.send(wire.query(`SELECT repeat('x', 1000) FROM generate_series(1, 200000)`))
    silent.socket.pause()
    await new Promise(resolve => setTimeout(resolve, 100))

    const ended: string[] = []
    const end = (name: string, client: WireClient) => client.until('EOF').finally(() => ended.push(name))
    const start = performance.now()
    const closed = stack.proxy.close(2000)
    starting.send(loginPacket(stack.url()))
    expect(await starting.until('EOF')).toEqual(['E FATAL 57P03 blobgres: the proxy is shutting down', 'EOF'])
    const replies = await Promise.all([
      end('idle', idle),
      end('busy', busy),
      ...[open, importing, exporting].map(client => end('cut off', client)),
    ])
    expect(performance.now() - start).toBeGreaterThan(1900)
    expect(ended).toEqual(['idle', 'busy', 'cut off', 'cut off', 'cut off'])
    expect(replies[1].slice(1)).toEqual(['D ', 'C SELECT 1.', 'Z I', ...FAREWELL])
    for (const other of [0, 2, 3, 4]) expect(replies[other]).toEqual(FAREWELL)
    await closed
    await expect(WireClient.open(stack.url())).rejects.toThrow('ECONNREFUSED')
    expect(await mute.until('EOF')).toEqual(['EOF'])
    silent.kill('reset')

    const direct = await WireClient.connect(stack.database.url)
    const others = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
    while ((await direct.value(others)) !== '0') await new Promise(resolve => setTimeout(resolve, 20))
    expect(await direct.value('SELECT count(*) FROM log')).toBe('0')
    await direct.close()
    await storage.close()
    await stack.database.drop()
    await stack.container.delete()
  })

  it('does not wait for a client that does not hang up', async () => {
    const stack = await startCopyStack(server)
    const { hostname, port } = new URL(stack.url())
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    socket.on('error', () => {})
    socket.write(Buffer.from([0, 0, 0, 9, 0, 4, 0, 0, 0])) // a version that is refused
    await new Promise(resolve => socket.resume().once('end', resolve))
    await stack.close()
    socket.destroy()
  })
})
