import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('faults that are asked for happen, on PostgreSQL $version', server => {
  let stack: CopyStack
  let args: string
  beforeAll(async () => {
    stack = await startCopyStack(server, { ownSchema: true })
    args = `'${account.name}', '${stack.container.containerName}'`
    await stack.put('in.csv', '1\n2\n')
    await stack.client.query('CREATE TABLE t (a int); CREATE TABLE one AS SELECT 1 AS a')
  })
  afterEach(() => stack.client.query('SELECT blobgres.clear(); TRUNCATE t'))
  afterAll(() => stack.close())

  const inject = (fault: string, times = 1, pattern = '*') =>
    stack.client.query(`SELECT blobgres.inject($1, ${args}, $2, $3)`, [fault, pattern, times])
  const faults = async () => (await stack.client.query('SELECT * FROM blobgres.faults()')).rows

  it('in their order, for what matches, in this database, whatever is rolled back', async () => {
    const other = await startCopyStack(server, { ownSchema: true })
    await stack.client.query('BEGIN')
    await inject('denied', 2, 'in*')
    await stack.client.query('ROLLBACK')
    await inject('not_found')
    expect(await faults()).toEqual([
      {
        fault: 'denied',
        account: account.name,
        container: stack.container.containerName,
        path_pattern: 'in*',
        times: 2,
      },
      {
        fault: 'not_found',
        account: account.name,
        container: stack.container.containerName,
        path_pattern: '*',
        times: 1,
      },
    ])
    expect((await other.client.query('SELECT * FROM blobgres.faults()')).rows).toEqual([])
    await other.close()
    await stack.client.query(`COPY one TO '${stack.blobUrl('x.csv')}'`).catch(error => expect(error.code).toBe('58P01'))
    const get = `COPY t FROM '${stack.blobUrl('in.csv')}'`
    const codes = []
    for (let i = 0; i < 3; i++)
      codes.push(
        await stack.client.query(get).then(
          () => 'done',
          error => error.code,
        ),
      )
    expect(codes).toEqual(['42501', '42501', 'done'])
  })

  it('so that a procedure that tries again can be tested', async () => {
    await stack.client.query(`
      CREATE PROCEDURE load_in() LANGUAGE plpgsql AS $$
      BEGIN
        FOR attempt IN 1 .. 3 LOOP
          BEGIN
            EXECUTE format('COPY t FROM %L', '${stack.blobUrl('in.csv')}');
            EXIT;
          EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN
            IF attempt = 3 THEN RAISE; END IF;
          END;
        END LOOP;
      END
      $$`)
    await inject('unavailable', 2)
    await stack.client.query('CALL load_in()')
    expect((await stack.client.query('SELECT FROM t')).rowCount).toBe(2)
    await inject('unavailable', 3)
    expect(await errorOf(stack.client.query('CALL load_in()'))).toMatchObject({ code: '08001' })
    expect(await faults()).toEqual([])
  })

  it('only those who administer accounts, of names that there can be', async () => {
    const anybody = await stack.connect(await stack.createStorageUser('anybody'))
    for (const call of ['clear()', 'faults()', `inject('denied', ${args}, '*')`]) {
      expect(await errorOf(anybody.query(`SELECT blobgres.${call}`))).toMatchObject({ code: '42501' })
    }
    const admin = await stack.connect(await stack.createRole('admin', 'IN ROLE azure_pg_admin'))
    await admin.query(`SELECT blobgres.inject('denied', ${args}, '*'), blobgres.clear()`)
    expect(await errorOf(inject('broken'))).toMatchObject({
      code: '22023',
      message: 'blobgres: unknown fault: broken',
      where: undefined,
    })
    expect(await errorOf(stack.client.query(`SELECT blobgres.inject('slow', ${args}, NULL)`))).toMatchObject({
      code: '22004',
      message: 'path_pattern argument is required',
      where: undefined,
    })
  })
})
