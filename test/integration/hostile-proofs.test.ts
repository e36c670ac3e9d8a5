import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, createDatabase, type TestDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'

const CANNOT_GRANT = {
  code: '42501',
  message: expect.stringContaining('azure_storage: this database cannot grant the use of storage account'),
}

/**
 * What somebody makes who owns a database: a copy_open() that tells, by advisory locks, what the proxy has asked it, and
 * answers with what it finds in a table.
 */
const FORGERY = `
  CREATE SCHEMA azure_storage_private;
  CREATE SCHEMA azure_storage;
  CREATE TABLE public.carried (access text, proof text);
  CREATE FUNCTION azure_storage.account_add(text, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
  CREATE FUNCTION azure_storage_private.copy_open(text, text, text, boolean, challenge text)
  RETURNS TABLE (access text, proof text) LANGUAGE plpgsql AS $$
  BEGIN
    FOR i IN 0 .. 3 LOOP
      PERFORM pg_advisory_xact_lock(i, ('x' || substr(challenge, 8 * i + 1, 8))::bit(32)::integer);
    END LOOP;
    LOOP
      RETURN QUERY SELECT c.access, c.proof FROM public.carried AS c;
      IF FOUND THEN RETURN; END IF;
      PERFORM pg_sleep(0.01);
    END LOOP;
  END $$`

describe.each(servers)('proofs that are carried elsewhere, on PostgreSQL $version', server => {
  let stack: CopyStack
  let own: TestDatabase
  let user: pg.Client
  let attacker: pg.Client
  let ownAdmin: pg.Client
  beforeAll(async () => {
    stack = await startCopyStack(server, { workers: 1 })
    await stack.put('a.csv', '1\n')
    await stack.client.query(
      "SELECT azure_storage.account_add(azure_storage.account_options_managed_identity('robot', 'blob'))",
    )
    const role = await stack.createStorageUser('attacker')
    await stack.client.query(`SELECT azure_storage.account_user_add('robot', '${role}')`)
    own = await createDatabase(server)
    await adminQuery(server, `ALTER DATABASE ${own.name} OWNER TO ${role}`)
    ownAdmin = new pg.Client({ connectionString: own.url })
    await ownAdmin.connect()
    await ownAdmin.query(FORGERY)
    await ownAdmin.query('CREATE TABLE t (a int); GRANT ALL ON t, carried TO PUBLIC')
    await ownAdmin.query(`GRANT USAGE ON SCHEMA azure_storage, azure_storage_private TO PUBLIC`)
    user = await stack.connect(role)
    const { host, port } = stack.proxy.address
    attacker = new pg.Client({ host, port, user: role, database: own.name })
    await attacker.connect()
  })
  afterAll(async () => {
    for (const client of [attacker, ownAdmin]) await client.end()
    await own.drop()
    await stack.close()
  })

  /** The challenge that the proxy has given to the attacker's own copy_open(). */
  async function challengeGiven(): Promise<string> {
    const locks = () =>
      ownAdmin.query(`SELECT classid::int AS i, lpad(to_hex(objid::bigint), 8, '0') AS part FROM pg_locks
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND objsubid = 2 ORDER BY classid`)
    await expect.poll(async () => (await locks()).rowCount).toBe(4)
    return (await locks()).rows.map(({ part }) => part).join('')
  }

  /** COPY in the attacker's database, answered with what the real one says, and what `change` makes of it. */
  async function copyWithCarried(
    usedFor: string,
    change: (told: { access: string; proof: string }) => { access: string; proof: string } = told => told,
    provedFor = usedFor,
  ): Promise<unknown> {
    const url = stack.blobUrl('a.csv').replace(account.name, usedFor)
    const copying = attacker.query(`COPY t FROM '${url}'`).then(
      () => 'copied',
      error => error,
    )
    const challenge = await challengeGiven()
    const { rows } = await user.query("SELECT * FROM azure_storage_private.copy_open($1, 'box', '', false, $2)", [
      provedFor,
      challenge,
    ])
    const { access, proof } = change(rows[0])
    await ownAdmin.query('INSERT INTO carried VALUES ($1, $2)', [access, proof])
    const result = await copying
    await ownAdmin.query('TRUNCATE carried')
    return result
  }
  const edit = (access: string, change: (told: Record<string, unknown>) => void): string => {
    const told = JSON.parse(Buffer.from(access, 'hex').toString())
    change(told)
    return Buffer.from(JSON.stringify(told)).toString('hex')
  }

  test('a genuine proof of another session is none for this one', async () => {
    expect(await copyWithCarried(account.name)).toMatchObject(CANNOT_GRANT)
  })

  test('nor with the session changed in what it proves', async () => {
    const { pid } = (await attacker.query('SELECT pg_backend_pid() AS pid')).rows[0]
    const mine = Buffer.from(own.name).toString('hex')
    const changed = await copyWithCarried(account.name, ({ access, proof }) => ({
      access: edit(access, told => Object.assign(told, { pid, database: mine })),
      proof,
    }))
    expect(changed).toMatchObject(CANNOT_GRANT)
  })

  test("a managed identity's proof is good for its own account only", async () => {
    const changed = await copyWithCarried(
      account.name,
      ({ access, proof }) => ({
        access: edit(access, told => Object.assign(told, { account: account.name })),
        proof,
      }),
      'robot',
    )
    expect(changed).toMatchObject(CANNOT_GRANT)
    expect(await copyWithCarried(account.name, undefined, 'robot')).toMatchObject(CANNOT_GRANT)
  })

  test('nothing is done for a proof that does not hold: a passphrase is not stretched, anonymous access not used', async () => {
    const sealed = `p1:${Buffer.alloc(60).toString('base64')}`
    for (const grant of [null, { auth_type: 'access-key', sealed, passphrase: 'x' }]) {
      const forged = await copyWithCarried(account.name, ({ access }) => ({
        access: edit(access, told => Object.assign(told, { grant })),
        proof: '0'.repeat(64),
      }))
      expect(forged).toMatchObject(CANNOT_GRANT)
    }
  })

  test('what the forgery answers may be anything', async () => {
    for (const told of [
      { access: '', proof: '' },
      { access: 'zz', proof: 'zz' },
      { access: '7b7d', proof: `${'0'.repeat(64)}|` },
      { access: 'ff'.repeat(100_000), proof: 'x'.repeat(100_000) },
    ]) {
      expect(await copyWithCarried(account.name, () => told)).toMatchObject(CANNOT_GRANT)
    }
  })

  test('a challenge cannot be lengthened by what is to be proved', async () => {
    const lengthened = `${'0'.repeat(32)}|${account.name}|access-key`
    const opening = user.query("SELECT azure_storage_private.copy_open($1, 'box', '', false, $2)", [
      account.name,
      lengthened,
    ])
    expect(await errorOf(opening)).toMatchObject({ code: '22023' })
    // The setting of old is nobody's.
    await user.query("SET azure_storage.challenge = 'x'")
    expect(await copyWithCarried(account.name)).toMatchObject(CANNOT_GRANT)
  })

  test("a credential caught in a database of one's own opens in no other", async () => {
    const caught = (await attacker.query("SELECT azure_storage.account_add('mine', 'c2VjcmV0') AS token")).rows[0].token
    expect(caught).toMatch(/^blobgres-sealed:/)
    for (const add of [`'mine', '${caught}'`, `'other', '${caught}'`, `lower('mine'), lower('${caught}')`]) {
      expect(await errorOf(stack.client.query(`SELECT azure_storage.account_add(${add})`))).toMatchObject({
        message: 'azure_storage: storage credentials invalid format',
      })
    }
  })

  test('a role that speaks over the connection of its own blob_put loses that, and gets nothing', async () => {
    await stack.client.query(`
      CREATE EXTENSION dblink;
      CREATE FUNCTION speak(request text) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM FROM dblink((dblink_get_connections())[1], request) AS t (path text);
        RETURN 'answered';
      EXCEPTION WHEN OTHERS THEN RETURN SQLERRM;
      END $$`)
    const content = Buffer.from(JSON.stringify({ call: { pid: 1, statement: '1' }, account: 'robot', access: null }))
    for (const request of [
      `LIST ${'0'.repeat(64)} ${content.toString('hex')}`,
      'LIST {"account": "robot"}',
      'DATA AAAAAAAAAAAA',
      `HELLO ${Buffer.from('{"nonce": "x"}').toString('hex')}`,
      'SELECT 1',
      '',
    ]) {
      const put = `SELECT azure_storage.blob_put('${account.name}', '${stack.container.containerName}', 'mine.txt', q),
        max(speak($1)) AS told FROM (SELECT 'x' AS x) q`
      const failed = await user.query(put, [request]).then(
        ({ rows }) => rows[0],
        error => error,
      )
      expect(failed, request).toBeInstanceOf(pg.DatabaseError)
    }
    await stack.client.query('DROP EXTENSION dblink CASCADE')
    expect(await stack.exists('mine.txt')).toBe(false)
  })
})
