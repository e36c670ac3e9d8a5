import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import type { Config } from '../../src/config/config.ts'
import type { BackendTls, TlsConfig } from '../../src/config/tls-files.ts'
import { createCertificate } from '../support/certificate.ts'
import { createUser, type TestUser } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'

/** What psql is to see: a login, or the error that ends it. */
const OUTCOMES = {
  ok: /^$/,
  'no TLS': /server does not support SSL, but SSL was required/,
  'no binding without TLS': /channel binding required, but SSL not in use/,
  'no binding offered': /channel binding is required, but server did not offer an authentication method that supports/,
  refused:
    /FATAL: {2}blobgres: SCRAM with channel binding cannot pass this proxy\nDETAIL: .*\nHINT: {2}Connect with chan/,
} as const
type Outcome = keyof typeof OUTCOMES

const SSL_MODES = ['disable', 'prefer', 'require'] as const
const BINDINGS = ['disable', 'prefer', 'require'] as const

/** For each sslmode of the client, what comes of channel_binding=disable, prefer and require. */
type Table = Record<(typeof SSL_MODES)[number], readonly [Outcome, Outcome, Outcome]>

const PLAIN = ['ok', 'ok', 'no binding without TLS'] as const
const WITHOUT_TLS: Table = { disable: PLAIN, prefer: PLAIN, require: ['no TLS', 'no TLS', 'no TLS'] }
const UNBOUND = ['ok', 'ok', 'no binding offered'] as const
const TWO_CERTIFICATES = ['ok', 'refused', 'no binding offered'] as const
const BOUND = ['ok', 'ok', 'ok'] as const

const CASES: readonly { client: 'none' | 'own' | "the server's"; server: boolean; table: Table }[] = [
  { client: 'none', server: false, table: WITHOUT_TLS },
  { client: 'none', server: true, table: WITHOUT_TLS },
  { client: 'own', server: false, table: { disable: PLAIN, prefer: UNBOUND, require: UNBOUND } },
  // Once refused, libpq with sslmode=prefer goes on to try without TLS.
  { client: 'own', server: true, table: { disable: PLAIN, prefer: UNBOUND, require: TWO_CERTIFICATES } },
  { client: "the server's", server: true, table: { disable: PLAIN, prefer: BOUND, require: BOUND } },
]

describe.each(servers)('SCRAM over TLS on PostgreSQL $version', server => {
  let dir: string
  let user: TestUser
  let own: TlsConfig
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'blobgres-tls-'))
    user = await createUser(server, 'scram')
    own = await read(await createCertificate(dir))
  })
  afterAll(async () => {
    await user.drop()
    await rm(dir, { recursive: true })
  })

  describe.each(CASES)(
    'certificate for clients: $client; TLS to the server: $server',
    ({ client, server: tls, table }) => {
      let stack: TestStack
      beforeAll(async () => {
        const config: Partial<Config> = tls ? { backend: backendOf(server, { mode: 'require' }) } : {}
        const certificate = client === 'own' ? own : await read(server.certificate)
        stack = await startStack(server, { ...config, ...(client !== 'none' && { tls: certificate }) })
      })
      afterAll(() => stack.close())

      it('logs in, or says why not', async () => {
        const seen = SSL_MODES.flatMap(sslmode =>
          BINDINGS.map(async (binding, i) => {
            const env = { PGSSLMODE: sslmode, PGCHANNELBINDING: binding, PGPASSWORD: user.password }
            const script = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
            const { stdout, stderr } = await psql({ url: stack.url(user.name), env }, script)
            const outcome = table[sslmode][i] as Outcome
            expect.soft(stderr, `sslmode=${sslmode} channel_binding=${binding}`).toMatch(OUTCOMES[outcome])
            expect.soft(stdout).toBe(outcome === 'ok' ? `${tls ? 't' : 'f'}\n` : '')
          }),
        )
        await Promise.all(seen)
      })
    },
  )
})

async function read({ cert, key }: { cert: string; key: string }): Promise<TlsConfig> {
  return { cert: await readFile(cert), key: await readFile(key) }
}

function backendOf({ host, port, superuser: user }: TestServer, tls: BackendTls): Config['backend'] {
  return backendConfig({ host, port, user, password: undefined, database: 'postgres', tls })
}
