import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('who may use an account in COPY on PostgreSQL $version', server => {
  let stack: CopyStack
  let url: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    url = await stack.put('a.csv', '1\n')
    await stack.client.query('CREATE TABLE t (a int); GRANT ALL ON t TO public')
  })
  afterAll(() => stack.close())

  const tryBoth = async (session: pg.Client) => {
    const outcome: string[] = []
    for (const sql of [`COPY t FROM '${url}'`, `COPY t TO '${stack.blobUrl('out.csv')}'`]) {
      outcome.push(
        await session.query(sql).then(
          () => 'ok',
          error => `${error.code} ${error.message}`,
        ),
      )
    }
    return outcome
  }
  const refused = (role: string) =>
    Array(2).fill(`42501 azure_storage: current user ${role} is not allowed to use storage account ${account.name}`)
  const allowed = ['ok', 'ok']

  it('nobody without a grant; a granted role; a member of one; no longer', async () => {
    const role = await stack.createRole('plain')
    const session = await stack.connect(role)
    expect(await tryBoth(session)).toEqual(refused(role))
    await stack.client.query(`SELECT azure_storage.account_user_add('${account.name}', '${role}')`)
    expect(await tryBoth(session)).toEqual(allowed)
    const member = await stack.createRole('member', `IN ROLE ${role}`)
    expect(await tryBoth(await stack.connect(member))).toEqual(allowed)
    await stack.client.query(`SELECT azure_storage.account_user_remove('${account.name}', '${role}')`)
    expect(await tryBoth(session)).toEqual(refused(role))
  })

  it('a member of azure_storage_admin', async () => {
    const role = await stack.createRole('admin', 'IN ROLE azure_storage_admin')
    expect(await tryBoth(await stack.connect(role))).toEqual(allowed)
  })

  it('the current role decides, not the login', async () => {
    const role = await stack.createRole('set')
    const session = await stack.connect()
    await session.query(`SET ROLE ${role}`)
    expect(await tryBoth(session)).toEqual(refused(role))
    await session.query('RESET ROLE')
    expect(await tryBoth(session)).toEqual(allowed)
    const error = await errorOf(session.query(`SET ROLE ${role}; COPY t FROM '${url}'`))
    expect(error.message).toContain(role)
    const granted = await stack.createStorageUser('granted')
    const login = await stack.createRole('login', `IN ROLE ${granted} NOINHERIT`)
    const other = await stack.connect(login)
    await other.query(`SET ROLE ${granted}`)
    expect(await tryBoth(other)).toEqual(allowed)
  })
})
