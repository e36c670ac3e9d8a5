import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampleCsv } from '../../src/dev/samples.ts'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('the quickstart in psql on PostgreSQL $version', server => {
  let stack: CopyStack
  let role: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('DROP EXTENSION azure_storage')
    await stack.put('storage_extension_sample.csv', sampleCsv())
    role = await stack.createRole('support')
  })
  afterAll(() => stack.close())
  const run = async (script: string, user?: string) =>
    psql(stack.url(user), ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', script])

  it('an administrator sets it up', async () => {
    const steps: [string, string][] = [
      ['CREATE EXTENSION azure_storage;', 'CREATE EXTENSION\n'],
      [`SELECT azure_storage.account_add('${account.name}', '${account.key}');`, '\n'],
      [`SELECT * FROM azure_storage.account_user_add('${account.name}', '${role}');`, '\n'],
      ['SELECT * FROM azure_storage.account_list();', `${account.name}|access-key|blob|{${role}}\n`],
      [
        `CREATE TABLE sample_data (id BIGINT PRIMARY KEY, sample_text TEXT, sample_integer INTEGER, sample_timestamp TIMESTAMP);
         GRANT ALL ON sample_data TO ${role};`,
        'CREATE TABLE\nGRANT\n',
      ],
    ]
    for (const [sql, output] of steps) expect(await run(sql)).toEqual({ stdout: output, stderr: '', status: 0 })
  })

  it('a user imports and exports', async () => {
    const source = stack.blobUrl('storage_extension_sample.csv')
    const steps: [string, string][] = [
      [`COPY sample_data FROM '${source}' WITH (FORMAT 'csv', header);`, 'COPY 1000\n'],
      ['SELECT count(*), sum(sample_integer) FROM sample_data;', '1000|499500\n'],
      [`TRUNCATE sample_data; COPY sample_data FROM '${source}' WITH (HEADERS);`, 'TRUNCATE TABLE\nCOPY 1000\n'],
      [`COPY sample_data TO '${stack.blobUrl('export.csv')}' WITH (FORMAT 'csv', HEADERS);`, 'COPY 1000\n'],
    ]
    for (const [sql, output] of steps) expect(await run(sql, role)).toEqual({ stdout: output, stderr: '', status: 0 })
    expect(await stack.getBytes('export.csv')).toEqual(sampleCsv())
  })

  it('the administrator takes it back', async () => {
    expect(await run(`SELECT azure_storage.account_user_remove('${account.name}', '${role}');`)).toMatchObject({
      status: 0,
    })
    expect(await run(`COPY sample_data TO '${stack.blobUrl('no.csv')}';`, role)).toEqual({
      stdout: '',
      stderr: `ERROR:  azure_storage: current user ${role} is not allowed to use storage account ${account.name}\n`,
      status: 1,
    })
    expect(await run(`SELECT azure_storage.account_remove('${account.name}');`)).toMatchObject({ status: 0 })
    expect(await run('SELECT * FROM azure_storage.account_list();')).toMatchObject({ stdout: '' })
    expect((await run(`COPY sample_data TO '${stack.blobUrl('no.csv')}';`)).stderr).toContain(
      'ERROR:  azure_storage: missing storage credentials\nDETAIL:  ',
    )
    await stack.client.query(`DROP TABLE sample_data`)
  })
})
