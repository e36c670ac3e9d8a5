import type { BackendConfig } from '../config.ts'
import { connectAdmin } from '../server/admin.ts'
import type { CallOrigin } from './calls.ts'

/** Those of the statements that their backends do not run any more. */
export async function statementsOver(backend: BackendConfig, origins: readonly CallOrigin[]): Promise<Set<CallOrigin>> {
  const admin = await connectAdmin(backend)
  try {
    const { rows } = await admin.query<{ pid: number; statement: string }>(
      `SELECT pid, (extract(epoch FROM query_start) * 1000000)::bigint::text AS statement
       FROM pg_catalog.pg_stat_activity WHERE state IN ('active', 'fastpath function call') AND pid = ANY ($1)`,
      [origins.map(({ pid }) => pid)],
    )
    const running = new Set(rows.map(({ pid, statement }) => `${pid} ${statement}`))
    return new Set(origins.filter(({ pid, statement }) => !running.has(`${pid} ${statement}`)))
  } finally {
    await admin.end()
  }
}
