import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('COPY with a URL inside functions on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query("CREATE TABLE t (a int, b text DEFAULT 'given')")
  })
  afterAll(() => stack.close())
  const rows = async (sql = 'SELECT * FROM t ORDER BY a') =>
    (await stack.client.query({ text: sql, rowMode: 'array' })).rows

  it('imports in a DO block', async () => {
    const url = await stack.put('a.csv', 'a,b\n1,x\n2,\n')
    await stack.client.query(`DO $$
DECLARE n int;
BEGIN
  EXECUTE format('COPY t FROM %L WITH (FORMAT csv, HEADER)', '${url}');
  GET DIAGNOSTICS n = ROW_COUNT;
  RAISE NOTICE 'rows: %', n;
  COPY t FROM '${url}' WITH (FORMAT csv, HEADER);
  GET DIAGNOSTICS n = ROW_COUNT;
  RAISE NOTICE 'rows: %', n;
END $$`)
    expect(stack.notices).toEqual(['rows: 2', 'rows: 2'])
    expect(await rows()).toEqual([[1, 'x'], [1, 'x'], [2, null], [2, null]])
  })

  it('exports in a DO block', async () => {
    const url = stack.blobUrl('o.csv')
    await stack.client.query(`DO $$
DECLARE n int;
BEGIN
  COPY t TO '${url}' WITH (HEADER, FORCE_QUOTE (b));
  GET DIAGNOSTICS n = ROW_COUNT;
  RAISE NOTICE 'exported: %', n;
END $$`)
    expect(stack.notices.at(-1)).toEqual('exported: 4')
    expect(await stack.get('o.csv')).toEqual('a,b\n1,"x"\n2,\n1,"x"\n2,\n')
  })
})
