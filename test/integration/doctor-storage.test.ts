import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AccountSASPermissions,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/config.ts'
import { ManagedIdentity } from '../../src/credentials/managed-identity.ts'
import { startAzurite } from '../../src/dev/azurite.ts'
import { ensureCertificate } from '../../src/dev/certificate.ts'
import { freePort } from '../../src/dev/free-port.ts'
import { checkToken } from '../../src/doctor/account-checks.ts'
import { examine } from '../../src/doctor/doctor.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { printFindings } from '../../src/doctor/print.ts'
import { createLogger } from '../../src/log.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { blobService } from '../support/azurite.ts'
import { account } from '../support/blobs.ts'
import { adminQuery } from '../support/database.ts'
import { findingOf, fixOf, pasteIntoShell } from '../support/doctor.ts'
import { startIdentityEndpoint } from '../support/imds.ts'
import { type OwnServer, startOwnServer } from '../support/own-postgres.ts'
import { psql } from '../support/psql.ts'
import { formsOf, foundIn } from '../support/secrets.ts'
import { testConfig } from '../support/stack.ts'

const sharedKey = new StorageSharedKeyCredential(account.name, account.key)
const expiresOn = new Date(Date.now() + 3_600_000)
const accountSas = (permissions: string): string =>
  generateAccountSASQueryParameters(
    { permissions: AccountSASPermissions.parse(permissions), resourceTypes: 'sco', services: 'b', expiresOn },
    sharedKey,
  ).toString()
const containerSas = (permissions: string): string =>
  generateBlobSASQueryParameters(
    { containerName: 'some', permissions: ContainerSASPermissions.parse(permissions), expiresOn },
    sharedKey,
  ).toString()

describe.each([15, 18] as const)('blobgres doctor and the storage, at PostgreSQL %i', version => {
  let server: OwnServer
  let config: Config
  let proxy: RunningProxy
  beforeAll(async () => {
    server = await startOwnServer(version)
    config = testConfig(server, { listen: { host: '127.0.0.1', port: await freePort() } })
    proxy = await startProxy(config, createLogger('silent'))
    await throughProxy('CREATE EXTENSION azure_storage')
  })
  afterAll(async () => {
    await proxy.close(0)
    await server.stop()
  })
  beforeEach(() => throughProxy('SELECT azure_storage.account_remove(account_name) FROM azure_storage.account_list()'))

  const throughProxy = (sql: string) => adminQuery({ ...server, port: proxy.address.port }, sql)
  const register = (credential: string, name = account.name) =>
    throughProxy(`SELECT azure_storage.account_add('${name}', '${credential}')`)
  const title = (right: string, name = account.name): string => `account ${name} of postgres: ${right}`
  const at = (template: string): Config => ({
    ...config,
    storageEndpoints: { defaultTemplate: template, accounts: new Map() },
  })

  it('finds nothing wrong with an account, changes nothing in it and prints no secret', async () => {
    await register(account.key)
    const containers = async (): Promise<string[]> => {
      const names: string[] = []
      for await (const { name } of blobService().listContainers()) if (name.startsWith('blobgres')) names.push(name)
      return names
    }
    const before = await containers()
    const findings = await examine(config)
    expect(findings.filter(({ result }) => result !== 'ok')).toEqual([])
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['credential', 'list', 'read', 'write'].map(right => title(right))),
    )
    expect(await containers()).toEqual(before)
    for (const asJson of [false, true]) {
      expect(foundIn(printFindings(findings, asJson), formsOf(account.key))).toEqual([])
    }
  })

  it.each([
    ['list', 'rw'],
    ['read', 'lw'],
    ['write', 'rl'],
  ])(
    'says that a SAS does not allow to %s, in the words of the service, and has another one added',
    async (lacking, permissions) => {
      const sas = accountSas(permissions)
      await register(sas)
      const findings = await examine(config)
      for (const right of ['list', 'read', 'write']) {
        const finding = findings.find(({ check }) => check === title(right))
        const refusal = {
          result: 'failed',
          reason: expect.stringContaining('AuthorizationPermissionMismatch (HTTP status 403'),
        }
        expect(finding).toMatchObject(right === lacking ? refusal : { result: 'ok' })
      }
      const signature = new URLSearchParams(sas).get('sig') ?? ''
      expect(foundIn(printFindings(findings, true), formsOf(signature))).toEqual([])
      const finding = findings.find(({ check }) => check === title(lacking))
      await pasteIntoPsql(fixOf(finding as Finding, 'psql'))
      expect(await findingOf(config, title(lacking))).toMatchObject({ result: 'ok' })
    },
  )

  it('takes a SAS of one container at its word', async () => {
    await register(containerSas('rl'))
    const findings = await examine(config)
    const results = ['list', 'read', 'write'].map(right => findings.find(({ check }) => check === title(right))?.result)
    expect(results).toEqual(['ok', 'ok', 'failed'])
  })

  it("tells a key that is not the account's, and has another one added", async () => {
    await register(Buffer.alloc(64).toString('base64'))
    const finding = await findingOf(config, title('list'))
    expect(finding).toMatchObject({
      result: 'failed',
      reason: expect.stringContaining('AuthorizationFailure (HTTP status 403'),
    })
    await pasteIntoPsql(fixOf(finding, 'psql'))
    expect(await findingOf(config, title('list'))).toMatchObject({ result: 'ok' })
  })

  it('tells a credential that was sealed under another key, and has it added again', async () => {
    await register(account.key)
    const other = { ...config, credentialKey: 'x'.repeat(40) }
    const finding = await findingOf(other, title('credential'))
    expect(finding).toMatchObject({
      result: 'failed',
      reason: expect.stringContaining('storage credentials invalid format'),
    })
    expect(await findingOf(other, title('read'))).toMatchObject({ result: 'untried' })
    await pasteIntoPsql(fixOf(finding, 'psql'))
    expect(await findingOf(config, title('credential'))).toMatchObject({ result: 'ok' })
  })

  it('opens credentials under the passphrases that are set', async () => {
    await throughProxy("ALTER DATABASE postgres SET azure_storage.credential_encryption_key = 'a passphrase'")
    try {
      await register(account.key)
      expect(await findingOf(config, title('read'))).toMatchObject({ result: 'ok' })
    } finally {
      await throughProxy('ALTER DATABASE postgres RESET azure_storage.credential_encryption_key')
    }
    expect(await findingOf(config, title('credential'))).toMatchObject({ result: 'failed' })
  })

  it('runs nothing of what a database has in the place of the extension', async () => {
    await throughProxy('CREATE DATABASE trap')
    const trap = (sql: string) => adminQuery(server, sql, 'trap')
    try {
      await trap(`
        CREATE SEQUENCE runs;
        CREATE FUNCTION run() RETURNS text LANGUAGE sql AS $$SELECT nextval('public.runs')::text$$;
        CREATE SCHEMA azure_storage;
        CREATE VIEW azure_storage.accounts AS SELECT run() AS account_name, 'access-key' AS auth_type, '' AS sealed_credentials`)
      const findings = await examine(config)
      expect(findings.filter(({ check }) => check.includes('trap'))).toEqual([])
      expect((await trap('SELECT is_called FROM runs')).rows).toEqual([{ is_called: false }])
    } finally {
      await adminQuery(server, 'DROP DATABASE trap')
    }
  })

  it("has psql act on no name of an account's", async () => {
    const name = String.raw`x' secret \! exit '`
    await adminQuery(server, `INSERT INTO azure_storage.accounts VALUES ($$${name}$$, 'access-key', 'blob', 'x')`)
    const command = fixOf(await findingOf(config, title('credential', name)), 'psql')
    await adminQuery(server, 'DELETE FROM azure_storage.accounts')
    expect(command).toMatch(/^\\prompt '[\w ]+: ' secret \\\\ SELECT azure_storage\.account_add\( ?E'x''/)
  })

  it('tells what cannot be a key', async () => {
    await register('c2hvcnQ=')
    expect(await findingOf(config, title('credential'))).toMatchObject({
      result: 'failed',
      reason: 'it is not an access key, which is base64 of 64 bytes, but of 5',
    })
  })

  it('asks for a token where an account is registered so', async () => {
    await throughProxy(`SELECT azure_storage.account_add(
      azure_storage.account_options_managed_identity('${account.name}', 'blob'))`)
    const findings = await examine({
      ...at(`http://127.0.0.1:${await freePort()}/{account}`),
      azureCredential: 'emulated',
    })
    expect(findings.find(({ check }) => check === 'managed identity')).toMatchObject({ result: 'ok' })
    expect(printFindings(findings, true)).not.toContain('eyJ')
  })

  it('says that nobody answers at an endpoint', async () => {
    await register(account.key)
    const template = `http://127.0.0.1:${await freePort()}/{account}`
    const url = template.replace('{account}', account.name)
    const finding = await findingOf(at(template), `endpoint ${url}`)
    expect(finding).toMatchObject({ result: 'failed', reason: expect.stringContaining('ECONNREFUSED') })
    expect(await findingOf(at(template), title('read'))).toMatchObject({ result: 'untried' })
  })

  it('tells a clock that is wrong by that of the storage, until it is set right', async () => {
    await register(account.key)
    let aheadMs = 3_600_000
    const http = createServer((_, response) => {
      response
        .setHeader('date', new Date(Date.now() + aheadMs).toUTCString())
        .writeHead(403)
        .end()
    })
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const template = `http://127.0.0.1:${(http.address() as AddressInfo).port}/{account}`
    try {
      const finding = await findingOf(at(template), `clock, by ${template.replace('{account}', account.name)}`)
      expect(finding).toMatchObject({
        result: 'failed',
        reason: expect.stringMatching(/^it is (3599|3600) seconds behind/),
      })
      expect(fixOf(finding, 'shell')).toBe('sudo timedatectl set-ntp true')
      aheadMs = 0
      expect(await findingOf(at(template), finding.check)).toMatchObject({ result: 'ok' })
    } finally {
      http.closeAllConnections()
      http.close()
    }
  })

  it('tells certificates that are not trusted, and of another name, and takes what mends it', async () => {
    await register(account.key)
    const folder = await mkdtemp(join(tmpdir(), 'blobgres-doctor-tls-'))
    const certificate = await ensureCertificate(folder, 'storage', ['localhost'])
    const azurite = await startAzurite({ accounts: [account], port: 0, location: folder, inMemory: true, certificate })
    const env = { DATABASE_URL: 'postgres://a@b/c', BLOBGRES_STORAGE_ENDPOINT: azurite.endpointTemplate }
    const check = `endpoint ${azurite.endpointTemplate.replace('{account}', account.name)}`
    const withVariables = (more: object): Config => ({
      ...config,
      storageEndpoints: readConfig({}, { ...env, ...more }).storageEndpoints,
    })
    try {
      const untrusted = await findingOf(withVariables({}), check)
      expect(untrusted).toMatchObject({ result: 'failed', reason: expect.stringContaining('self-signed certificate') })
      const file = await pasteIntoShell(untrusted, 'BLOBGRES_STORAGE_CA', folder)
      expect(await readFile(join(folder, file), 'utf8')).toContain('BEGIN CERTIFICATE')
      const trust = { BLOBGRES_STORAGE_CA: join(folder, file) }
      const misnamed = await findingOf(withVariables(trust), check)
      expect(misnamed).toMatchObject({ result: 'failed', reason: expect.stringContaining('altnames') })
      const endpoint = await pasteIntoShell(misnamed, 'BLOBGRES_STORAGE_ENDPOINT')
      const mended = await examine(withVariables({ ...trust, BLOBGRES_STORAGE_ENDPOINT: endpoint }))
      expect(mended.filter(({ result }) => result !== 'ok')).toEqual([])
    } finally {
      await azurite.stop()
      await rm(folder, { recursive: true })
    }
  })

  /** As somebody at a terminal, who is asked for the key. */
  async function pasteIntoPsql(command: string): Promise<void> {
    const url = `postgres://postgres@127.0.0.1:${proxy.address.port}/postgres`
    const { status, stderr } = await psql(url, `${command}\n${account.key}\n`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  }
})

it('tells why there is no token, until there is one', async () => {
  const endpoint = await startIdentityEndpoint()
  for (const [name, value] of Object.entries(endpoint.environment)) vi.stubEnv(name, value)
  const identity = new ManagedIdentity({})
  try {
    endpoint.mode = 'refuses'
    expect(await checkToken(identity)).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/no token: .*Identity not found/),
    })
    endpoint.mode = 'well'
    expect(await checkToken(identity)).toMatchObject({ result: 'ok' })
  } finally {
    vi.unstubAllEnvs()
    await endpoint.close()
  }
})
