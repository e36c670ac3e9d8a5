import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { emulatedToken } from '../../src/credentials/emulated-identity.ts'

/** The identity endpoint of a machine at Azure, in the shape that App Service gives it. */
export interface IdentityEndpoint {
  /** What tells @azure/identity where it is. */
  readonly environment: Readonly<Record<'IDENTITY_ENDPOINT' | 'IDENTITY_HEADER', string>>
  /** The query of each request that it has answered. */
  readonly requests: URLSearchParams[]
  /** The tokens that it has issued. */
  readonly tokens: string[]
  /** How it answers from now on; `silent` never does, `garbled` sends the token as plain text. */
  mode: 'well' | 'refuses' | 'hangs-up' | 'silent' | 'garbled'
  lifetimeSeconds: number
  /** What its tokens are for. */
  audience: string
  close(): Promise<void>
}

export async function startIdentityEndpoint(): Promise<IdentityEndpoint> {
  const secret = randomBytes(16).toString('hex')
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    endpoint.requests.push(searchParams)
    if (endpoint.mode === 'silent') return
    if (endpoint.mode === 'hangs-up') {
      request.socket.destroy()
      return
    }
    const genuine = isGenuine(request, searchParams, secret)
    if (!genuine || endpoint.mode === 'refuses') {
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: 'invalid_request', error_description: 'Identity not found' }))
      return
    }
    const expiresOn = Math.floor(Date.now() / 1000) + endpoint.lifetimeSeconds
    const token = emulatedToken(expiresOn, endpoint.audience)
    endpoint.tokens.push(token)
    const reply = { access_token: token, expires_on: String(expiresOn), resource: searchParams.get('resource') }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(endpoint.mode === 'garbled' ? token : JSON.stringify({ ...reply, token_type: 'Bearer' }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const endpoint: IdentityEndpoint = {
    environment: { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`, IDENTITY_HEADER: secret },
    requests: [],
    tokens: [],
    mode: 'well',
    lifetimeSeconds: 86_400,
    audience: 'https://storage.azure.com',
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return endpoint
}

function isGenuine(request: IncomingMessage, query: URLSearchParams, secret: string): boolean {
  const forStorage = query.get('resource')?.replace(/\/$/, '') === 'https://storage.azure.com'
  return forStorage && query.has('api-version') && request.headers['x-identity-header'] === secret
}
