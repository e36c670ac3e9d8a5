import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'

/** A queue of exports, as an application has it: who may queue and run a job has no right to the storage account. */
const application = (owner: string, user: string, container: string): string => `
  CREATE SCHEMA exports AUTHORIZATION ${owner};
  SET ROLE ${owner};
  CREATE TABLE exports.job (
    id int PRIMARY KEY, query text NOT NULL, path text NOT NULL, budget interval NOT NULL DEFAULT '10s',
    state text NOT NULL DEFAULT 'queued', rows bigint, bytes bigint, failure jsonb);
  CREATE TABLE exports.item AS SELECT n AS id, 'item ' || n AS name FROM generate_series(1, 500) n;

  CREATE FUNCTION exports.enqueue(id int, query text, path text, budget interval DEFAULT '10s') RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO exports.job (id, query, path, budget) VALUES ($1, $2, $3, $4)
  $$;

  CREATE FUNCTION exports.run_job(job_id int) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    task exports.job;
    written bigint;
    state_ text; message_ text; detail_ text; hint_ text; context_ text;
  BEGIN
    SELECT * INTO STRICT task FROM exports.job WHERE id = job_id FOR UPDATE;
    PERFORM set_config('statement_timeout', extract(milliseconds FROM task.budget)::bigint::text, true);
    EXECUTE format('SELECT azure_storage.blob_put(%L, %L, %L, q) FROM (%s) q',
      '${account.name}', '${container}', task.path, task.query);
    EXECUTE format('SELECT count(*) FROM azure_storage.blob_get(%L, %L, %L) AS t (id int, name text)',
      '${account.name}', '${container}', task.path) INTO written;
    UPDATE exports.job SET state = 'done', rows = written,
      bytes = (SELECT l.bytes FROM azure_storage.blob_list('${account.name}', '${container}', task.path) AS l)
    WHERE id = job_id;
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    GET STACKED DIAGNOSTICS state_ = RETURNED_SQLSTATE, message_ = MESSAGE_TEXT, detail_ = PG_EXCEPTION_DETAIL,
      hint_ = PG_EXCEPTION_HINT, context_ = PG_EXCEPTION_CONTEXT;
    UPDATE exports.job SET state = 'failed', failure = jsonb_build_object(
      'code', state_, 'message', message_, 'detail', detail_, 'hint', hint_, 'context', context_) WHERE id = job_id;
  END $$;
  GRANT USAGE ON SCHEMA exports TO ${user};
  GRANT EXECUTE ON FUNCTION exports.enqueue, exports.run_job TO ${user};
  GRANT SELECT ON exports.job TO ${user};
  RESET ROLE;

  CREATE PROCEDURE public.run_exports() LANGUAGE plpgsql AS $$
  DECLARE
    job_id int;
  BEGIN
    FOR job_id IN SELECT id FROM exports.job WHERE state = 'queued' ORDER BY id LOOP
      PERFORM exports.run_job(job_id);
      COMMIT;
    END LOOP;
  END $$`

describe.each(servers)('a queue of exports in SQL on PostgreSQL $version', server => {
  let stack: CopyStack
  let owner: string
  let user: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server)
    owner = uniqueName('owner')
    const userRole = await stack.createRole('user')
    await adminQuery(server, `CREATE ROLE ${owner} NOLOGIN`)
    await stack.client.query('SELECT azure_storage.account_user_add($1, $2)', [account.name, owner])
    await stack.client.query(application(owner, userRole, stack.container.containerName))
    user = await stack.connect(userRole)
  })
  afterAll(async () => {
    await stack.close()
    await adminQuery(server, `DROP ROLE IF EXISTS ${owner}`)
  })

  const jobs = async () =>
    (
      await user.query(
        "SELECT id, state, rows::int, bytes::int, failure ->> 'code' AS code FROM exports.job ORDER BY id",
      )
    ).rows
  const enqueue = (id: number, query: string, path: string, budget = '10s') =>
    user.query('SELECT exports.enqueue($1, $2, $3, $4::interval)', [id, query, path, budget])

  test('runs for a role without rights, and a job that fails does not hurt the next', async () => {
    await enqueue(1, 'SELECT * FROM exports.item', 'all.csv')
    await enqueue(2, 'SELECT id, 1 / (id - 400) FROM exports.item', 'zero.csv')
    await enqueue(3, 'SELECT * FROM exports.item WHERE id <= 2', "o'clock %s.csv")
    await enqueue(4, 'SELECT id, pg_sleep(0.01) FROM exports.item WHERE id <= 80', 'slow.csv', '300ms')
    await enqueue(5, 'SELECT * FROM pg_authid', 'secret.csv')
    await enqueue(6, 'SELECT * FROM exports.item', 'all.xyz')
    await enqueue(7, 'SELECT * FROM nowhere', 'nowhere.csv')
    await enqueue(8, "SELECT id, 'x' FROM exports.item", 'all.csv', '500ms') // though 800 have passed since CALL
    await user.query('CALL run_exports()')
    expect(await jobs()).toEqual([
      { id: 1, state: 'done', rows: 500, bytes: expect.any(Number), code: null },
      { id: 2, state: 'failed', rows: null, bytes: null, code: '22012' },
      { id: 3, state: 'done', rows: 2, bytes: 18, code: null },
      { id: 4, state: 'failed', rows: null, bytes: null, code: '57014' },
      { id: 5, state: 'failed', rows: null, bytes: null, code: '42501' },
      { id: 6, state: 'failed', rows: null, bytes: null, code: '22023' },
      { id: 7, state: 'failed', rows: null, bytes: null, code: '42P01' },
      { id: 8, state: 'done', rows: 500, bytes: expect.any(Number), code: null },
    ])
    expect(await stack.get("o'clock %s.csv")).toBe('1,item 1\n2,item 2\n')
    const names: string[] = []
    for await (const blob of stack.container.listBlobsFlat({ includeUncommitedBlobs: true })) names.push(blob.name)
    expect(names.sort()).toEqual(['all.csv', "o'clock %s.csv"])
  })

  test('the role itself can do nothing with the account', async () => {
    const list = `SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
    expect(await errorOf(user.query(list))).toMatchObject({ code: '42501' })
    await user.query('SELECT exports.run_job(1)')
    expect(await errorOf(user.query(list))).toMatchObject({ code: '42501' })
  })

  test('what a failed job has stored says what happened', async () => {
    await enqueue(20, 'SELECT 1 AS id', `${'long'.repeat(500)}.csv`)
    await user.query('CALL run_exports()')
    const { rows } = await user.query('SELECT failure FROM exports.job WHERE id = 20')
    expect(rows[0].failure).toMatchObject({
      code: '22023',
      message: 'azure_storage: invalid blob name',
      detail: 'The name has 2004 characters, and at most 1024 are allowed.',
      context: expect.stringContaining('PL/pgSQL function exports.run_job(integer)'),
    })
    expect(JSON.stringify(rows[0].failure)).not.toMatch(/password=|[0-9a-f]{64}/)
  })

  test('two workers at once run each job of their own', async () => {
    const second = await stack.connect(user.user as string)
    for (let id = 30; id < 40; id++) await enqueue(id, 'SELECT * FROM exports.item', `parallel/${id}.csv`)
    const run = (client: pg.Client, parity: number) =>
      client.query(
        `DO $$ BEGIN FOR i IN 30 .. 39 LOOP IF i % 2 = ${parity} THEN PERFORM exports.run_job(i); COMMIT; END IF; END LOOP; END $$`,
      )
    await Promise.all([run(user, 0), run(second, 1)])
    expect((await jobs()).filter(job => job.id >= 30).map(job => [job.state, job.rows])).toEqual(
      Array.from({ length: 10 }, () => ['done', 500]),
    )
  })
})
