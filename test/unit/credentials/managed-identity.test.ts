import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { IdentityError, ManagedIdentity } from '../../../src/credentials/managed-identity.ts'
import { openBlob } from '../../../src/storage/blob-client.ts'
import { type IdentityEndpoint, startIdentityEndpoint } from '../../support/imds.ts'

// The library looks for the endpoint once in a process, and keeps tokens for it: one for all tests, each another identity.
let endpoint: IdentityEndpoint
beforeAll(async () => {
  endpoint = await startIdentityEndpoint()
  Object.assign(process.env, endpoint.environment)
})
beforeEach(() => {
  endpoint.mode = 'well'
  endpoint.lifetimeSeconds = 86_400
  endpoint.requests.length = 0
  endpoint.tokens.length = 0
})
afterAll(() => endpoint.close())

function newIdentity(timeLimitMs?: number): ManagedIdentity {
  return new ManagedIdentity({ managedIdentityClientId: randomUUID() }, timeLimitMs)
}

async function failure(identity: ManagedIdentity): Promise<IdentityError> {
  const error = await identity.getToken('x').then(
    () => undefined,
    reason => reason,
  )
  expect(error).toBeInstanceOf(IdentityError)
  return error
}

it('asks once for many requests, and for storage alone', async () => {
  const identity = newIdentity()
  const atOnce = await Promise.all(
    Array.from({ length: 20 }, () => identity.getToken('https://vault.azure.net/.default')),
  )
  const later = await identity.getToken('x')
  expect(new Set([...atOnce, later].map(({ token }) => token))).toEqual(new Set(endpoint.tokens))
  expect(endpoint.tokens).toHaveLength(1)
})

it('asks for the identity that it is told to be', async () => {
  const id = randomUUID()
  await new ManagedIdentity({ managedIdentityClientId: id }).getToken('x')
  expect(endpoint.requests.map(query => query.get('client_id'))).toEqual([id])
})

it('finds the managed identity through the default chain', async () => {
  const id = randomUUID()
  const identity = new ManagedIdentity({ azureCredential: 'default', managedIdentityClientId: id })
  expect((await identity.getToken('x')).token).toBe(endpoint.tokens[0])
  expect(endpoint.requests.at(-1)?.get('client_id')).toBe(id)
})

it('waits for a new token when the old one is about to expire', async () => {
  endpoint.lifetimeSeconds = 20
  const identity = newIdentity()
  const [first, second] = [await identity.getToken('x'), await identity.getToken('x')]
  expect([first.token, second.token]).toEqual(endpoint.tokens)
})

it('goes on when the endpoint fails while the token is good', async () => {
  endpoint.lifetimeSeconds = 200 // in need of renewal from the start
  const identity = newIdentity()
  const { token } = await identity.getToken('x')
  endpoint.mode = 'refuses'
  expect((await identity.getToken('x')).token).toBe(token)
})

it('says what failed, and asks again the next time', async () => {
  const identity = newIdentity()
  endpoint.mode = 'refuses'
  expect((await failure(identity)).message).toMatch(/^no token: .*Identity not found/)
  endpoint.mode = 'well'
  expect((await identity.getToken('x')).token).toBe(endpoint.tokens[0])
})

it('gives up an endpoint that cannot be reached after some seconds', async () => {
  endpoint.mode = 'hangs-up'
  const started = Date.now()
  expect((await failure(newIdentity())).message).toMatch(/^no token: .*Network unreachable/)
  expect(Date.now() - started).toBeLessThan(6000)
  expect(endpoint.requests).toHaveLength(3)
})

it('gives up an endpoint that stays silent', async () => {
  endpoint.mode = 'silent'
  expect((await failure(newIdentity(1000))).message).toBe('no token: no answer for 1 seconds')
})

it('leaves a silent endpoint when the request is cancelled, alone', async () => {
  endpoint.mode = 'silent'
  const identity = newIdentity(1000)
  const other = failure(identity)
  const cancelled = identity.getToken('x', { abortSignal: AbortSignal.timeout(50) })
  await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' })
  expect((await other).message).toContain('no answer')
})

it('shows no token', async () => {
  const identity = newIdentity()
  await identity.getToken('x')
  expect(inspect(identity, { depth: null, showHidden: true }) + JSON.stringify(identity)).not.toContain('eyJ')
  endpoint.mode = 'garbled'
  const error = await failure(newIdentity())
  expect(inspect(error, { depth: null })).not.toContain('eyJ')
})

it('is not used where a token would travel in the clear', () => {
  const endpoints = { defaultTemplate: 'http://127.0.0.1:1/{account}', accounts: new Map() }
  const credential = { kind: 'managed-identity', identity: newIdentity() } as const
  expect(() => openBlob(endpoints, 'acct', credential, 'container', 'blob')).toThrow(
    expect.objectContaining({
      code: '08001',
      message: 'azure_storage: internal error while connecting',
      detail: 'Managed identity needs an https:// endpoint, and that of storage account "acct" is none.',
    }),
  )
  expect(endpoint.requests).toEqual([])
})
