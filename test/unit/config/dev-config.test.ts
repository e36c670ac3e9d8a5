import { expect, it } from 'vitest'
import { parseCommandLine } from '../../../src/config/command-line.ts'
import { readDevConfig } from '../../../src/config/dev-config.ts'

const read = (...argv: readonly string[]) => {
  const asked = parseCommandLine(['dev', ...argv], '')
  return readDevConfig('flags' in asked ? asked.flags : {})
}

it('has free ports for all with --port 0, and the usual ones without', () => {
  expect(read()).toMatchObject({ listen: { port: 5433 }, azuritePort: 10000 })
  expect(read('--port', '0')).toMatchObject({ listen: { host: '127.0.0.1', port: 0 }, azuritePort: 0 })
  expect(read('--port', '0', '--azurite-port', '10001')).toMatchObject({ azuritePort: 10001 })
  expect(read('--port', '6000', '--listen', '0.0.0.0:1')).toMatchObject({
    listen: { host: '0.0.0.0', port: 6000 },
    azuritePort: 10000,
  })
})

it('takes BLOBGRES_PORT for its own, but for what Kubernetes sets beside a service of this name', () => {
  expect(readDevConfig({}, { BLOBGRES_PORT: '6000' }).listen.port).toBe(6000)
  expect(readDevConfig({}, { BLOBGRES_PORT: 'tcp://10.0.0.1:5433' }).listen.port).toBe(5433)
  expect(() => readDevConfig({}, { BLOBGRES_PORT: 'x' })).toThrow('BLOBGRES_PORT: "x" is not a port number')
})

it('knows no accounts elsewhere, whatever variables say, but those of --storage-endpoint', () => {
  const connection = { AZURE_STORAGE_CONNECTION_STRING: 'AccountName=mine;AccountKey=YWJj' }
  expect(readDevConfig({}, connection)).toMatchObject({ accounts: ['mine'] })
  expect(readDevConfig({}, connection).storageEndpoints).toBeUndefined()
  const one = read('--storage-endpoint', 'there=https://there.example').storageEndpoints
  expect(one).toEqual({ defaultTemplate: undefined, accounts: new Map([['there', 'https://there.example']]) })
  const all = read('--storage-endpoint', 'https://{account}.example').storageEndpoints
  expect(all?.defaultTemplate).toBe('https://{account}.example')
})

it('takes no name for the database that is taken, or that PostgreSQL would cut off', () => {
  expect(read('--database-name', 'blobgres_test').admin.database).toBe('blobgres_test')
  for (const name of ['template1', 'blobgres_stack', 'blobgres_old_x', 'ä'.repeat(32)]) {
    expect(() => read('--database-name', name)).toThrow(`--database-name: "${name}" is not a name for a database`)
  }
})

it('takes --data for --data-dir, and names of containers', () => {
  expect(read('--data', '/tmp/x', '--containers', 'one, $web')).toMatchObject({
    dataDir: '/tmp/x',
    containers: ['one', '$web'],
  })
  expect(() => read('--containers', 'One')).toThrow('--containers: "One" is not the name of a container')
})
