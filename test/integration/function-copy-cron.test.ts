import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../src/dev/free-port.ts'
import { postgresOsUser } from '../../src/dev/os-user.ts'
import { initCluster, startPostgres } from '../../src/dev/postgres.ts'
import { startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { giveToPostgres } from '../support/own-postgres.ts'

/** Debian's PostgreSQL 15, with postgresql-15-cron. */
const DEBIAN = '/usr/lib/postgresql/15'

const isThere = existsSync(`${DEBIAN}/lib/pg_cron.so`)

describe.skipIf(!isThere)(isThere ? 'pg_cron' : 'pg_cron (needs postgresql-15-cron)', () => {
  // Side by side, for each waits for a minute to begin.
  it.concurrent.each(['on', 'off'])(
    'runs procedures with COPY; with cron.use_background_workers = %s',
    { timeout: 200_000 },
    async workers => {
      const dir = await mkdtemp(join(tmpdir(), 'blobgres-cron-'))
      await giveToPostgres(dir)
      const binaries = { initdb: `${DEBIAN}/bin/initdb`, postgres: `${DEBIAN}/bin/postgres` }
      const options = { binaries, dataDir: join(dir, 'data'), osUser: await postgresOsUser() }
      await initCluster(options, ['--no-locale', '--encoding=UTF8'])
      const port = await freePort()
      const child = await startPostgres(options, {
        port,
        unix_socket_directories: '',
        shared_preload_libraries: 'pg_cron',
        'cron.use_background_workers': workers,
        'cron.host': '127.0.0.1',
      })
      const server = { version: 15, host: '127.0.0.1', port, superuser: 'postgres' } as const
      const stack = await startCopyStack(server)
      await stack.client.query(`
      CREATE TABLE t (a int); CREATE TABLE done (n bigint);
      CREATE PROCEDURE load() LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
        EXECUTE format('COPY %I FROM %L', 't', '${await stack.put('a.csv', '1\n2\n')}');
        GET DIAGNOSTICS n = ROW_COUNT; COPY t TO '${stack.blobUrl('o.csv')}'; INSERT INTO done VALUES (n); END $$`)
      await adminQuery(server, 'CREATE EXTENSION pg_cron')
      await adminQuery(
        server,
        `SELECT cron.schedule_in_database('load', '* * * * *', 'CALL load()', '${stack.database.name}')`,
      )
      const done = async () => (await stack.client.query('TABLE done LIMIT 1')).rows
      await expect.poll(done, { timeout: 150_000, interval: 500 }).toEqual([{ n: '2' }])
      expect(await stack.get('o.csv')).toMatch(/^1\n2\n/)
      await adminQuery(server, "SELECT cron.unschedule('load')")
      await stack.close()
      await child.stop()
      await rm(dir, { recursive: true })
    },
  )
})
