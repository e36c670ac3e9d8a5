import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { toldBy } from '../support/secrets.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('who may COPY a blob inside functions on PostgreSQL $version', server => {
  let stack: CopyStack
  let user: string
  let stranger: string
  let url: string
  beforeAll(async () => {
    stack = await startCopyStack(server)
    url = await stack.put('a.csv', '1\n2\n')
    user = await stack.createStorageUser('may')
    stranger = await stack.createRole('maynot')
    await stack.client.query(`
      CREATE TABLE t (a int); GRANT ALL ON t TO PUBLIC; CREATE TABLE closed (a int);
      CREATE FUNCTION load() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
        COPY t FROM '${url}'; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
      CREATE FUNCTION load_as_owner() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$ BEGIN
        EXECUTE 'COPY public.t FROM ''${url}'''; RETURN public.load_through(); END $$;
      CREATE FUNCTION load_through() RETURNS bigint LANGUAGE plpgsql SET search_path = public AS $$ DECLARE n bigint; BEGIN
        EXECUTE 'COPY t FROM ''${url}'''; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$`)
    await stack.client.query(`ALTER FUNCTION load_as_owner() OWNER TO ${user}; GRANT ALL ON SCHEMA public TO ${user}`)
  })
  afterAll(async () => {
    await stack.client.query(`DROP OWNED BY ${user}, ${stranger}`)
    await stack.close()
  })

  it('the current user decides, through SECURITY DEFINER and SET ROLE', async () => {
    const refused = {
      code: '42501',
      message: expect.stringContaining(`${stranger} is not allowed to use storage account`),
    }
    const session = await stack.connect(stranger)
    expect(await errorOf(session.query('SELECT load()'))).toMatchObject(refused)
    expect((await session.query('SELECT load_as_owner() AS n')).rows).toEqual([{ n: '2' }])
    await stack.client.query(`SET ROLE ${stranger}`)
    expect(await errorOf(stack.client.query('SELECT load()'))).toMatchObject(refused)
    await stack.client.query(`SET ROLE ${user}`)
    expect((await stack.client.query('SELECT load() AS n')).rows).toEqual([{ n: '2' }])
    await stack.client.query('RESET ROLE')
  })

  it('a SAS is not told, neither in errors nor to who looks at the session', async () => {
    const session = await stack.connect(stranger)
    const secret = `${url}?sv=2024-11-04&sp=r&sig=SECRETSECRET`
    for (const statement of [
      `COPY t FROM '${secret}'`,
      `COPY nope FROM '${secret}'`,
      `COPY t FROM '${secret}' (HEADRE)`,
    ]) {
      const error = await errorOf(
        session.query({ text: `DO $$ BEGIN EXECUTE $1; END $$`.replace('$1', `'${statement.replaceAll("'", "''")}'`) }),
      )
      error.where = error.where?.replace(/^PL\/pgSQL.*$/gm, '')
      expect(toldBy(error)).not.toContain('SECRETSECRET')
    }
    expect(
      (await session.query("SELECT current_setting('azure_storage.copy', true) AS kept")).rows[0].kept ?? '',
    ).not.toContain('SECRET')
  })

  it('what the functions give each other cannot be made by others', async () => {
    const session = await stack.connect(user)
    const [, name, container] = new URL(url).pathname.split('/')
    const request = (changes: object) => ({
      account: name,
      container,
      path: 'a.csv',
      decoder: 'csv',
      encoder: 'csv',
      compression: 'none',
      columns: [{ type: 'int4', name: 'a' }],
      copy: {
        plan: JSON.stringify({
          account: name,
          container,
          path: 'a.csv',
          format: 'csv',
          options: 'FORMAT csv) ; DROP TABLE t; --',
        }),
        proof: '0'.repeat(64),
        sas: null,
        relation_columns: [],
        ...changes,
      },
    })
    for (const changes of [{}, { proof: null }, { plan: '{}' }]) {
      const opened = session.query(
        'SELECT azure_storage_private.put_open(c, $1, $2) FROM azure_storage_private.caller AS c',
        [account.name, JSON.stringify(request(changes))],
      )
      expect(await errorOf(opened)).toMatchObject({
        code: '22023',
        message: 'azure_storage: this is no COPY that a proxy of this server has read',
      })
    }
  })

  it('names are no SQL to the proxy', async () => {
    const name = `"x'); DROP TABLE t; --""\\"`
    await stack.client.query(`CREATE TABLE ${name} (${name} text DEFAULT 'a''b')`)
    await stack.client.query(
      `DO $$ BEGIN EXECUTE 'COPY ${name.replaceAll("'", "''")} FROM ''${url}'' (NULL ''''''; DROP TABLE t; --'')'; END $$`,
    )
    expect((await stack.client.query(`SELECT * FROM ${name}`)).rowCount).toBe(2)
    expect((await stack.client.query("SELECT to_regclass('t') AS t")).rows).toEqual([{ t: 't' }])
  })

  it('operators and functions of anybody are not called', async () => {
    await stack.client.query(`
      CREATE SCHEMA trap; CREATE FUNCTION trap.called(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
      CREATE FUNCTION trap.textcat(text, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
      CREATE FUNCTION trap.concat(VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
      CREATE FUNCTION trap.t(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
      CREATE OPERATOR trap.= (FUNCTION = trap.t, LEFTARG = text, RIGHTARG = text); CREATE OPERATOR trap.~* (FUNCTION = trap.t, LEFTARG = text, RIGHTARG = text);
      CREATE OPERATOR trap.|| (FUNCTION = trap.textcat, LEFTARG = text, RIGHTARG = text)`)
    await stack.client.query(`BEGIN; SET LOCAL search_path = trap, public, pg_catalog`)
    await stack.client.query(
      `DO $$ BEGIN EXECUTE 'COPY t FROM ''${url}'''; EXECUTE 'COPY t TO ''${stack.blobUrl('o.csv')}'''; END $$; ROLLBACK`,
    )
  })
})
