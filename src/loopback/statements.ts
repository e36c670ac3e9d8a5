import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import type { CallOrigin } from './calls.ts'

/** Those of the statements that have ended. Without track_activities a backend does not tell: its own count as running. */
export async function endedStatements(
  backend: BackendConfig,
  origins: readonly CallOrigin[],
): Promise<Set<CallOrigin>> {
  const admin = await connectAdmin(backend)
  try {
    const { rows } = await admin.query<{ pid: number; statement: string | null }>(
      `SELECT pid, (extract(epoch FROM query_start) * 1000000)::bigint::text AS statement
       FROM pg_catalog.pg_stat_activity WHERE state IN ('active', 'fastpath function call', 'disabled') AND pid = ANY ($1)`,
      [origins.map(({ pid }) => pid)],
    )
    const isRunning = (origin: CallOrigin): boolean =>
      rows.some(({ pid, statement }) => pid === origin.pid && (statement === null || statement === origin.statement))
    return new Set(origins.filter(origin => !isRunning(origin)))
  } finally {
    await admin.end()
  }
}
