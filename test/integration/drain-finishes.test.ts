import pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { account } from '../support/blobs.ts'
import { startCopyStack } from '../support/copy-stack.ts'
import { startGatedStorage } from '../support/gated-storage.ts'
import { azurite, servers } from '../support/servers.ts'
import { cancelPacket, wire } from '../support/wire.ts'
import { loginPacket, WireClient } from '../support/wire-client.ts'

const FAREWELL = ['E FATAL 57P01 terminating connection due to administrator command', 'EOF']

describe.each(servers)('A proxy that is shut down on PostgreSQL $version', server => {
  it('finishes transfers and functions, and serves them meanwhile', async () => {
    const storage = await startGatedStorage(azurite)
    const stack = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    const { container } = stack
    await stack.client.query('CREATE TABLE source AS SELECT 1 AS a; CREATE TABLE target (a int)')
    await stack.put('in.csv', '7\n')
    const args = `'${account.name}', '${container.containerName}'`
    const url = (path: string) =>
      `${storage.endpointTemplate.replace('{account}', account.name)}/${container.containerName}/${path}`
    const [importing, exporting, reading, sleeping] = (await Promise.all(
      Array.from({ length: 4 }, () => WireClient.connect(stack.url())),
    )) as [WireClient, WireClient, WireClient, WireClient]
    const direct = new pg.Client({ connectionString: stack.database.url })
    await direct.connect()

    importing.send(wire.query(`COPY target FROM '${url('in.csv')}'`))
    exporting.send(wire.query(`COPY source TO '${url('out.csv')}'`))
    reading.send(wire.query(`SELECT a FROM azure_storage.blob_get(${args}, 'in.csv') AS t (a int)`))
    const written = direct.query(`SELECT azure_storage.blob_put(${args}, 'put.csv', source) FROM source`)
    sleeping.send(wire.query('SELECT pg_sleep(60)'))
    await vi.waitFor(() => expect(storage.waiting).toBe(4), { timeout: 15_000, interval: 10 })

    const closed = stack.proxy.close(20_000)
    const late = await WireClient.open(stack.url())
    late.send(loginPacket(stack.url()))
    expect(await late.until('EOF')).toEqual(['E FATAL 57P03 blobgres: the proxy is shutting down', 'EOF'])
    const canceller = await WireClient.open(stack.url())
    canceller.send(cancelPacket(sleeping.key))
    expect((await sleeping.until('EOF')).slice(-4)).toEqual([
      'E ERROR 57014 canceling statement due to user request',
      'Z I',
      ...FAREWELL,
    ])

    storage.open()
    expect(await importing.until('EOF')).toEqual(['C COPY 1.', 'Z I', ...FAREWELL])
    expect(await exporting.until('EOF')).toEqual(['C COPY 1.', 'Z I', ...FAREWELL])
    expect((await reading.until('EOF')).slice(1)).toEqual(['D 7', 'C SELECT 1.', 'Z I', ...FAREWELL])
    expect((await written).rowCount).toBe(1)
    await closed
    await expect(WireClient.open(stack.url())).rejects.toThrow('ECONNREFUSED')
    expect((await direct.query('TABLE target')).rows).toEqual([{ a: 7 }])
    expect(await stack.get('out.csv')).toBe('1\n')
    expect(await stack.get('put.csv')).toBe('1\n')
    await direct.end()
    await storage.close()
    await stack.close()
  })
})
