import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { errorOf } from '../support/copy-stack.ts'
import { type RecordingStorage, recordConnections, startRecordingStorage } from '../support/recording-storage.ts'
import { toldBy } from '../support/secrets.ts'
import { servers, type TestServer } from '../support/servers.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const server = servers[1] as TestServer
const KEY = Buffer.from('a key').toString('base64')

let storage: RecordingStorage
/** What a crafted name would like to reach. */
let trap: RecordingStorage
let stack: TestStack
let client: pg.Client
let connections: ReturnType<typeof recordConnections>

beforeAll(async () => {
  ;[storage, trap] = await Promise.all([startRecordingStorage(), startRecordingStorage()])
  stack = await startStack(server, {
    storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
  })
  client = new pg.Client(stack.url())
  await client.connect()
  await client.query(`CREATE EXTENSION azure_storage; CREATE TABLE t AS SELECT 1 AS a;
    SELECT azure_storage.account_add('acct', '${KEY}')`)
  connections = recordConnections()
})
afterAll(async () => {
  connections.stop()
  await client.end()
  await stack.close()
  await Promise.all([storage.close(), trap.close()])
})
beforeEach(() => {
  storage.requests.length = 0
  connections.targets.clear()
})

/** The proxy has talked to its server and the storage that is configured, and to nobody else. */
function expectNoStrangers(): void {
  const known = [`${server.host}:${server.port}`, `127.0.0.1:${storage.port}`]
  expect([...connections.targets].filter(target => !known.includes(target))).toEqual([])
  expect(trap.requests).toEqual([])
}

const url = (rest: string): string => `http://127.0.0.1:${storage.port}/${rest}`

describe('a crafted URL', () => {
  const HOSTS = [
    '169.254.169.254',
    '2852039166', // the same in decimal
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '[::ffff:169.254.169.254]',
    '[fd00:ec2::254]',
    'localhost',
    'localhost.',
    '127.0.0.1',
    '127.1',
    '0.0.0.0',
    '[::1]',
    '127.0.0.1:TRAP',
    'localhost:TRAP',
    '[::1]:TRAP',
    'acct.blob.core.windows.net:TRAP',
    'acct.blob.core.windows.net.evil.example',
    'evil.example?.blob.core.windows.net',
    'evil.example#.blob.core.windows.net',
    'evil.example\\.blob.core.windows.net',
    'evil.example%2f.blob.core.windows.net',
    'evil.example%00.blob.core.windows.net',
    'acct@127.0.0.1:TRAP',
    '127.0.0.1:TRAP@acct.blob.core.windows.net',
    'acct:secret@acct.blob.core.windows.net',
    'acct。blob。core。windows。net', // ideographic full stops
    'acct．blob．core．windows．net',
    'ａcct.blob.core.windows.net',
    'evil.example\n.blob.core.windows.net',
    '../evil.example/.blob.core.windows.net',
    `${'a'.repeat(5000)}.blob.core.windows.net`,
    '',
  ]
  it.each(HOSTS)('with the host %s', async host => {
    const authority = host.replace('TRAP', String(trap.port))
    for (const scheme of ['http', 'https']) {
      for (const direction of ['FROM', 'TO']) {
        const text = `${scheme}://${authority}/acct/container/x.csv`.replaceAll("'", "''")
        const error = await errorOf(client.query(`COPY t ${direction} '${text}'`))
        expect(error).toMatchObject({ code: '22023', message: expect.stringMatching(/^azure_storage: invalid /) })
        expect(toldBy(error)).not.toContain('secret')
      }
    }
    expect(storage.requests).toEqual([])
    expectNoStrangers()
  })

  it.each(['ftp://h/c/x', 'file:///etc/passwd', 'gopher://127.0.0.1/x', 'https:/acct/c/x', '//169.254.169.254/x'])(
    'of another scheme is a file name: %s',
    async text => {
      const error = await errorOf(client.query(`COPY t FROM '${text}'`))
      expect(error.message).toMatch(/could not open file|relative path/)
      expectNoStrangers()
    },
  )

  it.each([
    'https://acct.blob.core.windows.net',
    'http://acct.blob.core.chinacloudapi.cn',
    'http://localhost:10000/acct',
    'http://azurite:10000/acct',
  ])('of Azure or an emulator goes to the configured endpoint: %s', async account => {
    const error = await errorOf(client.query(`COPY t FROM '${account}/container/x.csv'`))
    expect(error.code).toBe('58P01')
    expect(storage.requests.map(request => request.url)).toEqual(['/acct/container/x.csv'])
    expectNoStrangers()
  })

  it('would be seen to connect', async () => {
    await new pg.Client(`postgres://u@localhost:${trap.port}/d`).connect().catch(() => {})
    expect([...connections.targets]).toEqual([`localhost:${trap.port}`])
  })

  it.each([
    'acct/container/../../other/secret.csv',
    'acct/container/%2e%2e/%2e%2e/other/secret.csv',
    'acct/container/.%2E/x.csv',
    'acct/../other/x.csv',
    'acct/..%2fother/x.csv',
    'acct/container%2f..%2fother/x.csv',
    'acct/con%00tainer/x.csv',
    'acct/con%0d%0atainer/x.csv',
    'acct%2fother/container/x.csv',
    'acct@evil.example/container/x.csv',
  ])('that leaves its container: %s', async rest => {
    const error = await errorOf(client.query(`COPY t FROM '${url(rest)}'`))
    expect(error).toMatchObject({ code: '22023', message: expect.stringMatching(/^azure_storage: invalid /) })
    expect(storage.requests).toEqual([])
    expectNoStrangers()
  })
})

describe('a crafted name', () => {
  const BAD_NAMES = [
    'acct@evil.example',
    'evil.example/',
    'evil.example#',
    'evil.example?',
    'evil.example\\',
    '../other',
    '..',
    '%2e%2e',
    'acct%2fother',
    'acct/other',
    'acct:80',
    '169.254.169.254',
    '[::1]',
    'http://evil.example',
    'acct\r\nHost: evil.example',
    'acct ',
    'ａcct',
    'acct。evil',
    'ACCT',
    'a',
    '',
    'a'.repeat(5000),
  ]
  it.each(BAD_NAMES)('of an account or a container: %j', async name => {
    for (const [kind, account, container] of [
      ['storage account', name, 'container'],
      ['container', 'acct', name],
    ]) {
      for (const sql of [
        'SELECT FROM azure_storage.blob_list($1, $2)',
        `SELECT FROM azure_storage.blob_get($1, $2, 'x.csv') AS g (a int)`,
        `SELECT azure_storage.blob_put($1, $2, 'x.csv', t) FROM t`,
      ]) {
        const error = await errorOf(client.query(sql, [account, container]))
        expect(error).toMatchObject({ code: '22023', message: `azure_storage: invalid ${kind} name: ${name}` })
      }
    }
    expect(storage.requests).toEqual([])
    expectNoStrangers()
  })

  it.each(['..', '../x.csv', 'a/../../other/x.csv', './x.csv', 'a/.', 'x'.repeat(1025)])(
    'of a blob that leads elsewhere: %s',
    async path => {
      for (const sql of [
        `SELECT FROM azure_storage.blob_get('acct', 'container', $1, 'csv') AS g (a int)`,
        `SELECT azure_storage.blob_put('acct', 'container', $1, t, 'csv') FROM t`,
      ]) {
        const error = await errorOf(client.query(sql, [path]))
        expect(error).toMatchObject({ code: '22023', message: 'azure_storage: invalid blob name' })
      }
      expect(storage.requests).toEqual([])
      expectNoStrangers()
    },
  )

  it.each([
    '@evil.example/x',
    '//evil.example/x',
    'http://169.254.169.254/x',
    '?comp=list&restype=container',
    '#fragment',
    '..\\..\\other\\x',
    '%2e%2e/%2e%2e/other/x',
    '%00',
    '\r\nx-ms-copy-source: http://evil.example/',
    '\t \u3002\uff0e',
    '..;/other',
  ])('of a blob is a name like any other: %j', async path => {
    for (const sql of [
      `SELECT FROM azure_storage.blob_get('acct', 'container', $1, 'csv') AS g (a int)`,
      `SELECT azure_storage.blob_put('acct', 'container', $1, t, 'csv') FROM t`,
    ]) {
      expect((await errorOf(client.query(sql, [path]))).code).toBe('58P01')
    }
    const asked = storage.requests.map(request => new URL(request.url ?? '', 'http://storage'))
    expect(asked.map(({ pathname, search }) => [decodeURIComponent(pathname), search])).toEqual([
      [`/acct/container/${path}`, ''],
      [`/acct/container/${path}`, ''],
    ])
    const headers = storage.requests.flatMap(request => Object.keys(request.headers))
    expect(headers.filter(header => /copy-source|forwarded/.test(header))).toEqual([])
    expect(storage.requests.map(({ headers: { host } }) => host)).toEqual(Array(2).fill(`127.0.0.1:${storage.port}`))
    expectNoStrangers()
  })

  it('of a prefix stays in its parameter', async () => {
    const prefix = '../?restype=account&comp=list#@evil.example'
    await errorOf(client.query(`SELECT FROM azure_storage.blob_list('acct', 'container', $1)`, [prefix]))
    const [asked] = storage.requests.map(request => new URL(request.url ?? '', 'http://storage'))
    expect(asked?.pathname).toBe('/acct/container')
    expect(asked?.searchParams.get('prefix')).toBe(prefix)
    expectNoStrangers()
  })
})

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('is not followed, wherever it leads: %i', async status => {
    for (const location of [
      `http://127.0.0.1:${trap.port}/acct/container/x.csv`,
      'http://169.254.169.254/metadata/identity/oauth2/token',
      '/acct/other/x.csv',
    ]) {
      storage.requests.length = 0
      storage.answer = (_request, response) => void response.writeHead(status, { location }).end()
      const statements = [
        `COPY t FROM '${url('acct/container/x.csv')}'`,
        `COPY t TO '${url('acct/container/x.csv')}'`,
        `SELECT FROM azure_storage.blob_list('acct', 'container')`,
        `SELECT FROM azure_storage.blob_get('acct', 'container', 'x.csv') AS g (a int)`,
        `SELECT azure_storage.blob_put('acct', 'container', 'x.csv', t) FROM t`,
      ]
      for (const sql of statements) {
        const error = await errorOf(client.query(sql))
        expect(error).toMatchObject({
          code: '58030',
          message: 'azure_storage: the storage service answered with a redirect, which is not followed',
          detail: expect.stringContaining(`HTTP status ${status}`),
        })
      }
      expect(storage.requests).toHaveLength(statements.length)
      expectNoStrangers()
    }
  })
})
