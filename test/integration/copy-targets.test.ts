import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyInside, serversAndWays } from '../support/copy-inside.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'

describe.each(serversAndWays)('what COPY FROM a blob fills, $way, on PostgreSQL $version', ({ server, way }) => {
  let stack: CopyStack
  let url: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    if (way === 'in a DO block') copyInside(stack.client)
    url = await stack.put('rows.csv', '1,one\n2,two\n3,three\n')
  })
  afterAll(() => stack.close())
  const query = async (sql: string) => (await stack.client.query({ text: sql, rowMode: 'array' })).rows

  it('a column list, the others get their defaults', async () => {
    await stack.client.query(`
      CREATE TABLE d (x text DEFAULT 'd', id serial, b text, a int, g int GENERATED ALWAYS AS (a * 10) STORED)`)
    await stack.client.query(`COPY d (a, b) FROM '${url}'`)
    expect(await query('SELECT * FROM d ORDER BY a')).toEqual([
      ['d', 1, 'one', 1, 10],
      ['d', 2, 'two', 2, 20],
      ['d', 3, 'three', 3, 30],
    ])
  })

  it('identity columns, given and not given', async () => {
    await stack.client.query(`CREATE TABLE ident (a int GENERATED ALWAYS AS IDENTITY (START 50), b text)`)
    await stack.client.query(`COPY ident FROM '${url}'; COPY ident (b) FROM '${await stack.put('one.csv', 'x\n')}'`)
    expect(await query('SELECT a FROM ident ORDER BY a')).toEqual([[1], [2], [3], [50]])
  })

  it('a generated column in the list is an error', async () => {
    await stack.client.query('CREATE TABLE ge (a int, b int GENERATED ALWAYS AS (a) STORED)')
    expect(await errorOf(stack.client.query(`COPY ge (a, b) FROM '${url}'`))).toMatchObject({
      code: '42P10',
      message: 'column "b" is a generated column',
    })
  })

  it('WHERE keeps the rows that are wanted', async () => {
    await stack.client.query('CREATE TABLE w (a int, b text)')
    const { rowCount } = await stack.client.query(
      `COPY w FROM '${url}' WITH (FORMAT csv) WHERE a > 1 AND b <> 'where ''x'''`,
    )
    expect(rowCount).toBe(2)
    await stack.client.query(`COPY w FROM '${url}' WHERE a = 1`)
    expect(await query('SELECT a FROM w ORDER BY a')).toEqual([[1], [2], [3]])
    const error = await errorOf(stack.client.query(`COPY w FROM '${url}' WHERE nope > 1`))
    const position = String(`COPY w FROM '${url}' WHERE `.length + 1)
    expect(error).toMatchObject({ code: '42703', ...(way === 'by itself' && { position }) })
  })

  it('a partitioned table', async () => {
    await stack.client.query(`CREATE TABLE p (a int, b text) PARTITION BY LIST (a);
      CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE pd PARTITION OF p DEFAULT`)
    expect((await stack.client.query(`COPY p FROM '${url}'`)).rowCount).toBe(3)
    expect(await query('SELECT count(*)::int FROM pd')).toEqual([[2]])
  })

  it('triggers fire, and the error of one ends the COPY', async () => {
    await stack.client.query(`
      CREATE TABLE tr (a int, b text);
      CREATE FUNCTION upper_b() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF new.a = 3 AND TG_ARGV[0] = 'raise' THEN RAISE EXCEPTION 'no threes'; END IF;
        RAISE NOTICE 'row %', new.a; new.b := upper(new.b); RETURN new; END $$;
      CREATE TRIGGER t BEFORE INSERT ON tr FOR EACH ROW EXECUTE FUNCTION upper_b()`)
    stack.notices.length = 0
    await stack.client.query(`COPY tr FROM '${url}'`)
    expect(stack.notices).toEqual(['row 1', 'row 2', 'row 3'])
    expect(await query('SELECT b FROM tr ORDER BY a')).toEqual([['ONE'], ['TWO'], ['THREE']])
    await stack.client.query(`TRUNCATE tr; DROP TRIGGER t ON tr;
      CREATE TRIGGER t BEFORE INSERT ON tr FOR EACH ROW EXECUTE FUNCTION upper_b('raise')`)
    expect(await errorOf(stack.client.query(`COPY tr FROM '${url}'`))).toMatchObject({
      code: 'P0001',
      message: 'no threes',
      ...(way === 'by itself' && { where: expect.stringContaining('COPY tr, line 3: "3,three"') }),
    })
    expect(await query('TABLE tr')).toEqual([])
  })

  it('a view with an INSTEAD OF trigger', async () => {
    await stack.client.query(`
      CREATE TABLE behind (a int, b text); CREATE VIEW v AS SELECT * FROM behind;
      CREATE FUNCTION into_behind() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO behind VALUES (new.*); RETURN new; END $$;
      CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION into_behind()`)
    expect((await stack.client.query(`COPY v FROM '${url}'`)).rowCount).toBe(3)
    expect(await query('SELECT count(*)::int FROM behind')).toEqual([[3]])
    await stack.client.query('CREATE VIEW plain AS SELECT * FROM behind')
    expect(await errorOf(stack.client.query(`COPY plain FROM '${url}'`))).toMatchObject({
      message: 'cannot copy to view "plain"',
      hint: expect.stringContaining('INSTEAD OF INSERT'),
    })
  })

  it('odd names', async () => {
    const names = [
      '"binary"',
      '"from"',
      '"to"',
      '"q""uote"',
      '"sp ace"',
      '"Ünï"',
      'ünï',
      '"(par"',
      '"--c"',
      'U&"d\\0061t"',
    ]
    await stack.client.query('CREATE SCHEMA "S.1"')
    for (const name of [...names, '"S.1"."binary"', '"S.1"."t.t"', '"S.1" . /* c */ "from"']) {
      await stack.client.query(`CREATE TABLE IF NOT EXISTS ${name} (a int, "(b""" text)`)
      const { rowCount } = await stack.client.query(`COPY ${name} ("a" , "(b""") FROM '${url}'`)
      await stack.client.query(`/* ' */ copy ${name} to'${stack.blobUrl('odd.csv')}'-- WITH (FORMAT binary)`)
      expect([name, rowCount]).toEqual([name, 3])
      await stack.client.query(`TRUNCATE ${name}`)
      expect(await stack.get('odd.csv')).toMatch(/1,one\n2,two\n3,three\n$/)
    }
  })

  it('table privileges are all that is needed, and are needed', async () => {
    const role = await stack.createStorageUser('importer')
    await stack.client.query(`CREATE TABLE priv (a int, b text); GRANT INSERT ON priv TO ${role}`)
    const session = await stack.connect(role)
    if (way === 'in a DO block') copyInside(session)
    expect((await session.query(`COPY priv FROM '${url}'`)).rowCount).toBe(3)
    expect(await errorOf(session.query(`COPY priv TO '${stack.blobUrl('priv.csv')}'`))).toMatchObject({
      code: '42501',
      message: 'permission denied for table priv',
    })
    expect(await stack.exists('priv.csv')).toBe(false)
    await stack.client.query(`REVOKE ALL ON priv FROM ${role}`)
  })
})
