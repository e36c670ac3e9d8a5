import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account, containerSas } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { toldBy } from '../support/secrets.ts'
import { servers } from '../support/servers.ts'

const HOUR_MS = 3_600_000
const DENIED = {
  message: 'azure_storage: Permission is not sufficient to perform requested operation',
  code: '42501',
}

describe.each(servers)('shared access signatures on PostgreSQL $version', server => {
  let stack: CopyStack
  const sas = (permissions: string, expiresInMs?: number): string =>
    containerSas(stack.container, permissions, expiresInMs)
  const signature = (query: string) => /sig=([^&]+)/.exec(query)?.[1] as string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.put('a.csv', '1\n')
    await stack.client.query(`
      CREATE TABLE t (a int); GRANT ALL ON t TO public; SELECT azure_storage.account_remove('${account.name}')`)
  })
  afterAll(() => stack.close())

  it('in the URL: a credential for anybody, and no part of the name', async () => {
    const session = await stack.connect(await stack.createRole('anybody'))
    expect((await session.query(`COPY t FROM '${stack.blobUrl('a.csv')}?${sas('r')}'`)).rowCount).toBe(1)
    await session.query(`COPY t TO '${stack.blobUrl('b.csv')}?${sas('cw')}' (HEADER)`)
    expect(await stack.get('b.csv')).toBe('a\n1\n')
  })

  it('that do not suffice, or no longer: nothing is said of them', async () => {
    const notices: string[] = []
    const session = await stack.connect()
    session.on('notice', notice => notices.push(JSON.stringify(notice)))
    for (const [query, sql] of [
      [sas('r'), `COPY t TO '${stack.blobUrl('no.csv')}?`],
      [sas('cw'), `COPY t FROM '${stack.blobUrl('a.csv')}?`],
      [sas('r', -HOUR_MS), `COPY t FROM '${stack.blobUrl('a.csv')}?`],
      [sas('r').replace(/sig=.../, 'sig=abc'), `COPY t FROM '${stack.blobUrl('a.csv')}?`],
    ] as const) {
      const error = await errorOf(session.query(`${sql}${query}'`))
      expect(error).toMatchObject(DENIED)
      expect(toldBy(error)).not.toContain(signature(query).slice(3))
    }
    for (const [sql, code] of [
      [`COPY t TO '${stack.blobUrl('x.csv')}?${sas('r')}' (nope)`, '42601'],
      [`COPY t TO '${stack.blobUrl('x.unknown')}?${sas('r')}'`, '22023'],
      [`COPY absent TO '${stack.blobUrl('x.csv')}?${sas('r')}'`, '42P01'],
      [`COPY (SELECT 1) TO '${stack.blobUrl('x.csv')}?${sas('r')}'`, '0A000'],
      [`COPY t FROM '${stack.blobUrl('a.csv')}?sv=1&sig='`, '22023'],
      [`COPY t FROM 'https://example.com/a.csv?${sas('r')}'`, '22023'],
      [`COPY t FROM 'https://acct.blob.core.windows.net/box/%zz?${sas('r')}'`, '22023'],
    ] as const) {
      const error = await errorOf(session.query(sql))
      expect(error.code).toBe(code)
      expect(toldBy(error)).not.toMatch(/sig=|sv=/)
    }
    expect(notices.join()).not.toContain('sig=')
    expect(await stack.exists('no.csv')).toBe(false)
  })

  it('are not in pg_stat_activity, the URL is', async () => {
    const session = await stack.connect()
    await session.query('CREATE FUNCTION slow(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 FROM pg_sleep(0.5) $$')
    await session.query('CREATE VIEW slow AS SELECT slow(1) AS a')
    const query = sas('cw')
    const running = session.query(`COPY slow TO '${stack.blobUrl('é*/.csv')}?${query}'`)
    await sleep(250)
    const { rows } = await adminQuery(
      server,
      `SELECT query FROM pg_stat_activity WHERE datname = '${stack.database.name}' AND query LIKE '%COPY%' AND pid <> pg_backend_pid()`,
    )
    await running
    const shown = rows.map(row => row.query as string)
    expect(shown.filter(text => text.includes(stack.blobUrl('%C3%A9%2A/.csv')))).toHaveLength(1)
    expect(shown.filter(text => text.includes('sig=') || text.includes(signature(query)))).toEqual([])
  })

  it('as the registered key, with and without the question mark', async () => {
    for (const mark of ['', '?']) {
      await stack.client.query('SELECT azure_storage.account_add($1, $2)', [account.name, mark + sas('r')])
      expect((await stack.client.query(`COPY t FROM '${stack.blobUrl('a.csv')}'`)).rowCount).toBe(1)
      expect(await errorOf(stack.client.query(`COPY t TO '${stack.blobUrl('a.csv')}'`))).toMatchObject(DENIED)
    }
    await stack.client.query(`SELECT azure_storage.account_remove('${account.name}')`)
  })

  it('public containers need none', async () => {
    await stack.container.setAccessPolicy('blob')
    expect((await stack.client.query(`COPY t FROM '${stack.blobUrl('a.csv')}'`)).rowCount).toBe(1)
    await stack.client.query('SET azure_storage.public_account_access = off')
    expect(await errorOf(stack.client.query(`COPY t FROM '${stack.blobUrl('a.csv')}'`))).toMatchObject({
      code: '28000',
    })
    await stack.client.query('RESET azure_storage.public_account_access')
  })
})
