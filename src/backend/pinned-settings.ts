import type { Client } from 'pg'

/**
 * What a connection of the proxy's own sets, so that its texts mean one thing in every database. The owner of a database,
 * who need not be trusted, can give it other defaults with ALTER DATABASE ... SET, and the operators and functions that
 * an unpinned search_path would find. In the startup packet they override what ALTER DATABASE and ALTER ROLE say, and
 * count from the first moment on.
 *
 * Event triggers are left alone: only superusers make them, and may want to see what the proxy does.
 */
const PINNED = {
  // What names mean, and as whom they run. pg_temp comes last, or it would come first.
  search_path: 'pg_catalog,pg_temp',
  role: 'none',
  local_preload_libraries: '',
  // What is hidden, or not done: nothing.
  row_security: 'off',
  session_replication_role: 'origin',
  check_function_bodies: 'on',
  // How texts are read.
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  transform_null_equals: 'off',
  array_nulls: 'on',
  xmloption: 'content',
  'plpgsql.variable_conflict': 'error',
  'plpgsql.extra_errors': 'none',
  'plpgsql.extra_warnings': 'none',
  'plpgsql.check_asserts': 'on',
  // How values are written.
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  quote_all_identifiers: 'off',
  // Where and how objects are stored.
  default_tablespace: '',
  temp_tablespaces: '',
  default_table_access_method: 'heap',
  password_encryption: 'scram-sha-256',
  // Transactions.
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  exit_on_error: 'off',
  // What others see of it: on a standby, where the proxy is (loopback/presence.ts).
  track_activities: 'on',
  // What ends a wait: a lock is held as long as an export takes.
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  // What a proxy holds ends within half a minute after its machine has vanished, as the functions' connections do.
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '0',
  // What gets into the server's log: no values.
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  debug_print_parse: 'off',
  debug_print_rewritten: 'off',
  debug_print_plan: 'off',
} as const

/** Settings that only newer servers know: in the startup packet they would keep others from letting us in. */
const PINNED_WHERE_KNOWN = {
  transaction_timeout: '0', // 17
  restrict_nonsystem_relation_kind: '', // 18, and later releases of those before
} as const

/** The `options` of a startup packet: words apart by spaces, a backslash before one that is part of a word. */
export const PINNED_OPTIONS = Object.entries(PINNED)
  .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
  .join(' ')

/** The first message of a connection that was made with PINNED_OPTIONS. */
export async function pinTheOthers(client: Client): Promise<void> {
  await client.query(
    `SELECT pg_catalog.set_config(name, value, false)
     FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS t (name, value)
     WHERE pg_catalog.current_setting(name, true) IS NOT NULL`,
    [Object.keys(PINNED_WHERE_KNOWN), Object.values(PINNED_WHERE_KNOWN)],
  )
}
