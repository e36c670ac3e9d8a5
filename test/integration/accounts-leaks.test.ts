import { inspect } from 'node:util'
import type { ContainerClient } from '@azure/storage-blob'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { type RunningProxy, startProxy } from '../../src/proxy.ts'
import { createContainer } from '../support/azurite.ts'
import { account, containerSas } from '../support/blobs.ts'
import { psql } from '../support/psql.ts'
import { Random } from '../support/random.ts'
import { everythingReadable, formsOf, foundIn, foundInFiles, processTexts } from '../support/secrets.ts'
import { azurite, servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'
import { startTalkativeServer, type TalkativeServer } from '../support/talkative-server.ts'

const ADD = 'azure_storage.account_add'
const HOUR_MS = 3_600_000
const { name, key } = account
/** What the searches must find. */
const CONTROL = 'control-5c1f0a9e77d2b3461e'
/** Another account's key, which opens nothing. */
const WRONG = new Random(1).bytes(64).toString('base64')

describe.each(servers)('a search for credentials on PostgreSQL $version', shared => {
  let server: TalkativeServer
  let proxy: RunningProxy
  let container: ContainerClient
  let needles: string[]
  let session: Record<'storage' | 'app' | 'nobody', pg.Client>
  let signature: Record<'readable' | 'writable' | 'expired', string>
  let stopObserving: () => Promise<void>
  const proxyLog: string[] = []
  const told: string[] = []
  const activity = new Set<string>()
  const clients: pg.Client[] = []

  const connect = async (user: string, { port } = proxy.address): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, database: 'postgres' })
    client.on('notice', notice => told.push(JSON.stringify(notice)))
    await client.connect()
    clients.push(client)
    return client
  }
  const sas = (permissions: string, expiresInMs?: number): string => containerSas(container, permissions, expiresInMs)
  /** Looks at what all sessions run, again and again. */
  const observe = async (): Promise<() => Promise<void>> => {
    const observer = await connect('postgres', server)
    let done = false
    const observed = (async () => {
      while (!done) {
        const { rows } = await observer.query('SELECT query FROM pg_stat_activity')
        for (const { query } of rows) activity.add(query)
      }
    })()
    return () => {
      done = true
      return observed
    }
  }

  beforeAll(async () => {
    server = await startTalkativeServer(shared.version)
    container = await createContainer('leaks')
    const { host, port } = server
    const backend = backendConfig({ host, port, user: 'postgres', password: 'unused', database: 'postgres' })
    const config = testConfig(shared, { backend })
    proxy = await startProxy(config, pino({ level: 'trace' }, { write: line => void proxyLog.push(line) }))
    told.push(inspect(config, { showHidden: false, depth: 9 }), JSON.stringify(config))
    const admin = await connect('postgres')
    await admin.query(`
      CREATE ROLE storage LOGIN IN ROLE azure_storage_admin;
      CREATE ROLE app LOGIN;
      CREATE ROLE nobody LOGIN;
      CREATE ROLE monitor LOGIN IN ROLE pg_monitor, pg_read_all_stats, pg_read_all_settings`)
    await admin.query('CREATE EXTENSION pg_stat_statements; CREATE EXTENSION azure_storage')
    await admin.query('CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT ALL ON t TO public')
    session = { storage: await connect('storage'), app: await connect('app'), nobody: await connect('nobody') }
    signature = { readable: sas('r'), writable: sas('rcwl'), expired: sas('r', -HOUR_MS) }
    const signatures = Object.values(signature).map(query => decodeURIComponent(/sig=([^&]+)/.exec(query)?.[1] ?? ''))
    needles = [key, WRONG, ...signatures].flatMap(formsOf)
    stopObserving = await observe()
  })
  afterAll(async () => {
    await proxy.close(0)
    await server.remove()
    await container.delete()
  })

  const ok = async (client: pg.Client, text: string, values?: unknown[]): Promise<void> => {
    told.push(inspect(await client.query({ text, ...(values && { values }) }), { depth: 3 }))
  }
  const bad = async (client: pg.Client, text: string, values?: unknown[]): Promise<void> => {
    const error = await client.query({ text, ...(values && { values }) }).then(
      () => expect.fail(`did not fail: ${text}`),
      error => error,
    )
    told.push(inspect(error), error.stack)
  }
  const config = (credentials: string, more = {}) => JSON.stringify({ name, credentials, ...more })
  const url = (path: string) =>
    `'${azurite.endpointTemplate.replace('{account}', name)}/${container.containerName}/${path}'`
  const uses = (): string[] => {
    const box = `'${name}', '${container.containerName}'`
    return [
      `SELECT azure_storage.blob_put(${box}, 'a.csv', t) FROM t`,
      `SELECT * FROM azure_storage.blob_get(${box}, 'a.csv') AS r (a int)`,
      `SELECT path FROM azure_storage.blob_list(${box})`,
      `COPY t TO ${url('b.csv')}`,
      `COPY t FROM ${url('b.csv')}`,
    ]
  }

  describe.each([
    ['a key', () => key],
    ['a signature', () => signature.writable],
    ['a signature behind a question mark', () => `?${signature.writable}`],
  ])('an account is added with %s', (_, credentialOf) => {
    test('in the ways that there are', async () => {
      const { storage } = session
      const credential = credentialOf()
      await ok(storage, `SELECT ${ADD}('${name}', '${credential}')`)
      await ok(storage, `SELECT ${ADD}(account_key_p => '${credential}', account_name_p => '${name}')`)
      await ok(storage, `SELECT ${ADD}('${config(credential)}'::jsonb)`)
      const options = 'azure_storage.account_options'
      await ok(storage, `SELECT ${ADD}(${options}_credentials('${name}', '${credential}', 'blob'))`)
      await ok(storage, `SELECT ${ADD}(${options}('${name}', 'access-key', 'blob', '${credential}'))`)
      await ok(storage, `SELECT ${ADD}(jsonb_build_object('name', '${name}', 'credentials', '${credential}'))`)
      await ok(storage, `EXPLAIN (ANALYZE, VERBOSE) SELECT ${ADD}(lower('${name}'), '${credential}')`)
      await ok(storage, `SELECT ${ADD}($1, $2)`, [name, credential])
      await ok(storage, `SELECT ${ADD}($1::jsonb)`, [config(credential)])
      await ok(storage, `SELECT ${ADD}(${options}_credentials($1, $2, 'blob'))`, [name, credential])
      await ok(storage, `BEGIN; SELECT ${ADD}('${name}', '${credential}'); ROLLBACK`)
    })

    test('and in ways that fail', async () => {
      const { storage, app } = session
      const credential = credentialOf()
      await bad(storage, `SELECT ${ADD}('${name}', '${credential}'), 1/0`)
      await bad(storage, `SELECT ${ADD}('NOT A NAME', '${credential}')`)
      await bad(storage, `SELECT ${ADD}('NOT A NAME', $1)`, [credential])
      await bad(storage, `SELECT ${ADD}('${name}', '${credential}', 'more')`)
      await bad(storage, `SELECT ${ADD}(account_key => '${credential}')`)
      await bad(storage, `SELECT ${ADD}('${credential}')`)
      await bad(storage, `SELECT ${ADD}($1)`, [credential])
      await bad(storage, `SELECT ${ADD}('{"name": "${name}", "credential": "${credential}"}')`)
      await bad(storage, `SELECT ${ADD}('{"name": "${name}", credentials: "${credential}"}')`)
      await bad(storage, `SELECT ${ADD}('${config(credential, { auth_type: 'managed-identity' })}')`)
      await bad(storage, `SELECT ${ADD}('${name}' '${credential}')`)
      await bad(storage, `SELECT ${ADD}('${name}', '${credential})`)
      await bad(storage, `SELECT ${ADD}('${name}', '${credential}') FROM nowhere`)
      // With values it is a Parse message, which holds no more than one statement.
      await bad(storage, `SELECT 1; SELECT ${ADD}('${name}', '${credential}')`, ['x'])
      await bad(storage, `SELECT ${ADD}('${name}', '${credential}'); SELEC $1`, ['x'])
      await bad(storage, `WITH k AS (SELECT '${credential}' AS k) SELECT ${ADD}('${name}', k), 'open`)
      await ok(storage, 'SET standard_conforming_strings = off')
      await bad(storage, `SELECT ${ADD}(N'${name}', N'${credential}'), '\\x'`)
      await ok(storage, 'RESET standard_conforming_strings')
      await bad(app, `SELECT ${ADD}('${name}', '${credential}')`)
      await bad(app, `SELECT ${ADD}($1, $2)`, [name, credential])
    })

    test('in psql, also in a text that breaks off', async () => {
      const add = `account_add('${name}', '${credentialOf()}`
      for (const rest of ["');", "') \\bind \\g\n", '']) {
        // Else psql itself repeats the line of its text that an error is in.
        const script = `\\set VERBOSITY terse\nSET search_path = azure_storage; SELECT ${add}${rest}`
        const printed = await psql(`postgres://storage@127.0.0.1:${proxy.address.port}/postgres`, script)
        told.push(...Object.values(printed).map(String))
      }
    })
  })

  test('accounts are used, with what suffices and with what does not', async () => {
    const { storage, app, nobody } = session
    await ok(storage, `SELECT ${ADD}('${name}', '${key}')`)
    await ok(storage, `SELECT azure_storage.account_user_add('${name}', 'app')`)
    await ok(storage, 'SELECT * FROM azure_storage.account_list()')
    for (const [credential, attempt] of [
      [key, ok],
      [signature.writable, ok],
      [signature.expired, bad],
      [WRONG, bad],
      ['no key!', bad],
    ] as const) {
      await ok(storage, `SELECT ${ADD}('${name}', '${credential}')`)
      for (const sql of uses()) await attempt(app, sql)
    }
    for (const sql of uses()) await bad(nobody, sql)
    const box = `'${name}', '${container.containerName}'`
    await ok(storage, `SELECT ${ADD}('${name}', '${key}')`)
    await bad(app, `SELECT * FROM azure_storage.blob_get(${box}, 'none.csv') AS r (a int)`)
    await bad(app, `SELECT * FROM azure_storage.blob_get(${box}, 'a.csv') AS r (a date)`)
    await bad(app, `COPY t FROM ${url('none.csv')}`)
  })

  test('URLs are signed, well and badly', async () => {
    const { nobody } = session
    const { readable, writable, expired } = signature
    const signed = (query: string) => `${url('c.csv').slice(0, -1)}?${query}'`
    await ok(nobody, `COPY t TO ${signed(writable)}`)
    await ok(nobody, `COPY t FROM ${signed(readable)}`)
    await bad(nobody, `COPY t TO ${signed(readable)}`)
    await bad(nobody, `COPY t FROM ${signed(expired)}`)
    await bad(nobody, `COPY t FROM ${signed(readable)} (nonsense)`)
    await bad(nobody, `COPY t FROM ${signed(readable)} (FORMAT csv`)
    await bad(nobody, `COPY t FROM ${signed(readable).slice(0, -1)}`)
    await bad(nobody, `COPY (SELECT 1) TO ${signed(writable)}`)
    await bad(nobody, `SELECT $1; COPY t TO ${signed(writable)}`, ['x'])
  })

  test('credentials are kept under a passphrase, which changes', async () => {
    const set = 'ALTER DATABASE postgres SET azure_storage.credential_encryption_key ='
    const read = uses()[1] as string
    await ok(await connect('postgres'), `${set} 'one'`)
    const encrypting = await connect('storage')
    await ok(encrypting, 'SELECT azure_storage.account_encrypt_existing_credentials()')
    await ok(encrypting, read)
    await ok(await connect('postgres'), `${set} 'two'`)
    const changed = await connect('storage')
    for (const sql of uses()) await bad(changed, sql)
    await ok(changed, `SELECT ${ADD}('${name}', '${key}')`)
    await ok(changed, read)
  })

  test('what the searches must find is said too', async () => {
    const control = await connect('postgres')
    await ok(control, `CREATE TABLE control AS SELECT '${CONTROL}'::text`)
    await ok(control, `SELECT '${CONTROL}' AS control, pg_sleep(0.1)`)
    await stopObserving()
  })

  test('clients are told none', () => {
    expect(foundIn(told.join('\n'), [...needles, CONTROL])).toEqual([CONTROL])
  })

  test('nor is one in what sessions are seen to run, then and now', () => {
    expect([...activity].join()).toContain('blobgres-sealed:')
    expect(foundIn([...activity].join('\n'), [...needles, CONTROL])).toEqual([CONTROL])
  })

  test.each([
    ['app', []],
    ['storage', []],
    ['monitor', [CONTROL]],
  ])('in anything that %s can read', async (role, expected) => {
    const admin = await connect('postgres', server)
    await admin.query(`ALTER ROLE ${role} SET auto_explain.log_min_duration = -1; ALTER ROLE ${role} SET log_statement = 'none';
      ALTER ROLE ${role} SET log_min_messages = 'warning'; ALTER ROLE ${role} SET log_duration = off`)
    const text = await everythingReadable(await connect(role))
    expect(text).toContain('azure_storage_admin')
    expect(foundIn(text, [...needles, CONTROL])).toEqual(expected)
  })

  test('in command lines and environments', async () => {
    const texts = await processTexts(server.pid)
    expect(texts).toContain('postgres')
    expect(foundIn(texts, needles)).toEqual([])
    expect(process.title).not.toContain(key)
  })

  test("in the proxy's log", () => {
    expect(proxyLog.length).toBeGreaterThan(0)
    expect(foundIn(proxyLog.join(), needles)).toEqual([])
  })

  test("in the server's log and files", async () => {
    for (const client of clients) await client.end()
    await server.stop()
    expect(server.log()).toContain('blobgres-sealed:')
    expect(foundIn(server.log(), [...needles, CONTROL])).toEqual([CONTROL])
    expect(await foundInFiles(server.dataDir, [CONTROL])).not.toEqual([])
    expect(await foundInFiles(server.dataDir, needles)).toEqual([])
  })
})
