import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectAdmin } from '../../src/backend/admin.ts'
import { adminQuery, createDatabase, type TestDatabase } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

/** What the owner of a database may set for it, and would change what a text means or whether it runs; and what it is. */
const HOSTILE: readonly (readonly [name: string, hostile: string, pinned: string, since?: number])[] = [
  ['search_path', 'public', 'pg_catalog,pg_temp'],
  ['role', 'pg_monitor', 'none'],
  ['row_security', 'on', 'off'],
  ['session_replication_role', 'replica', 'origin'],
  ['check_function_bodies', 'off', 'on'],
  ['client_encoding', 'LATIN1', 'UTF8'],
  ['standard_conforming_strings', 'off', 'on'],
  ['backslash_quote', 'on', 'safe_encoding'],
  ['transform_null_equals', 'on', 'off'],
  ['array_nulls', 'off', 'on'],
  ['plpgsql.variable_conflict', 'use_column', 'error'],
  ['plpgsql.extra_errors', 'all', 'none'],
  ['DateStyle', 'German', 'ISO, MDY'],
  ['IntervalStyle', 'iso_8601', 'postgres'],
  ['TimeZone', 'Asia/Tokyo', 'UTC'],
  ['bytea_output', 'escape', 'hex'],
  ['extra_float_digits', '-3', '1'],
  ['quote_all_identifiers', 'on', 'off'],
  ['default_table_access_method', 'none', 'heap'],
  ['default_transaction_read_only', 'on', 'off'],
  ['default_transaction_isolation', 'serializable', 'read committed'],
  ['default_transaction_deferrable', 'on', 'off'],
  ['exit_on_error', 'on', 'off'],
  ['statement_timeout', '1h', '0'],
  ['lock_timeout', '1h', '0'],
  ['idle_in_transaction_session_timeout', '1h', '0'],
  ['idle_session_timeout', '1h', '0'],
  ['transaction_timeout', '1h', '0', 17],
  ['restrict_nonsystem_relation_kind', 'view', '', 18],
  ['tcp_keepalives_idle', '1000', '10'],
  ['log_parameter_max_length', '-1', '0'],
  ['log_parameter_max_length_on_error', '-1', '0'],
  ['debug_print_plan', 'on', 'off'],
]

describe.each(servers)("The settings of the proxy's own connections on PostgreSQL $version", server => {
  const settings = HOSTILE.filter(([, , , since = 0]) => server.version >= since)
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase(server)
  })
  afterAll(() => database.drop())

  test.each([['DATABASE %'], ['ROLE postgres IN DATABASE %']])('are not those of ALTER %s … SET', async whose => {
    for (const [name, hostile] of settings) {
      const value = name === 'search_path' ? hostile : `'${hostile}'`
      await adminQuery(server, `ALTER ${whose.replace('%', database.name)} SET ${name} = ${value}`)
    }
    const admin = await connectAdmin(testConfig(server).backend, database.name)
    const shown: unknown[] = []
    for (const [name] of settings) {
      const { rows } = await admin.query('SELECT pg_catalog.current_setting($1) AS value', [name])
      shown.push([name, rows[0].value])
    }
    expect(shown).toEqual(settings.map(([name, , pinned]) => [name, pinned]))
    await admin.end()
  })
})
