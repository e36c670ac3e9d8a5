import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMPILED_CLI } from '../support/compiled.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { needTool } from '../support/tools.ts'

describe.each(servers)('functions that were not made through the proxy, on PostgreSQL $version', server => {
  let stack: CopyStack
  let direct: pg.Client
  const body = (url: string) => `
BEGIN
  EXECUTE format('COPY %I FROM %L', 't', '${url}'); -- it's
  COPY t FROM '${url}' WITH (FORMAT csv, NULL '\\N');
  EXECUTE sql FROM copies WHERE "it's (" = ')';
END`
  beforeAll(async () => {
    stack = await startCopyStack(server)
    direct = await stack.connect(undefined, { connectionString: stack.database.url })
    await stack.client.query('CREATE TABLE t (a int)')
  })
  afterAll(() => stack.close())

  it("PostgreSQL's error about the file has a hint", async () => {
    const url = stack.blobUrl('a.csv')
    const hint = expect.stringContaining('CREATE OR REPLACE it through Blobgres')
    const role = await stack.createStorageUser('outside')
    await stack.client.query(`GRANT ALL ON t TO ${role}`)
    await direct.query(`
      CREATE FUNCTION load() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY t FROM '${url}'; END $$;
      CREATE FUNCTION save() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY t TO '${url}'; END $$`)
    expect(await errorOf(stack.client.query('SELECT load()'))).toMatchObject({
      code: '58P01',
      hint,
      message: expect.stringContaining('could not open file "http'),
    })
    expect(await errorOf(stack.client.query('SELECT save()'))).toMatchObject({ code: '42602', hint })
    expect(await errorOf((await stack.connect(role)).query({ text: 'SELECT load()', name: 'load' }))).toMatchObject({
      code: '42501',
      hint,
    })
    const file = await errorOf(stack.client.query("DO $$ BEGIN COPY t FROM '/no/such/file'; END $$"))
    expect(file).toMatchObject({ code: '58P01', hint: expect.not.stringContaining('Blobgres') })
    await stack.client.query(
      `CREATE OR REPLACE FUNCTION load() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY t FROM '${url}'; END $$`,
    )
    await stack.put('a.csv', '1\n')
    await direct.query('SELECT load()')
    await stack.client.query(`DROP FUNCTION load(), save(); REVOKE ALL ON t FROM ${role}; TRUNCATE t`)
  })

  it.runIf(server.version === 15)('blobgres unwrap gives a dump as if it had never been there', async () => {
    needTool('pg_dump')
    const make = `
      CREATE PROCEDURE p() LANGUAGE plpgsql AS $$${body(stack.blobUrl('a.csv'))} $$;
      CREATE PROCEDURE q() LANGUAGE plpgsql AS 'BEGIN EXECUTE copy; END';
      CREATE FUNCTION s() RETURNS void LANGUAGE sql AS $x$ COPY t FROM '${stack.blobUrl('a.csv')}' -- it's $$
        ; DELETE FROM t $x$;
      CREATE TABLE texts (x text); INSERT INTO texts VALUES (E'CREATE FUNCTION x\\n AS $$ azure_storage_private.statement(y) $$;\\n')`
    const drop = 'DROP PROCEDURE p, q; DROP FUNCTION s; DROP TABLE texts'
    await direct.query(`SET check_function_bodies = off; ${make}`)
    const original = await dump(stack.url())
    await direct.query(drop)
    await stack.client.query(make)
    const wrapped = await dump(stack.url())
    await direct.query(drop)
    expect(wrapped.match(/azure_storage_private\.(statement|run)\(/g)).toHaveLength(6)
    const unwrap = spawn(process.execPath, [COMPILED_CLI, 'unwrap'], { stdio: ['pipe', 'pipe', 'inherit'] })
    unwrap.stdin.end(wrapped)
    expect(comparable(await text(unwrap.stdout))).toBe(comparable(original))
  })
})

const dump = (url: string): Promise<string> =>
  text(spawn('pg_dump', ['-d', url], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout)

/** Some versions write a random word. */
const comparable = (text: string): string => text.replace(/^\\(un)?restrict .*$/gm, '')
