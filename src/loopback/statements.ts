import { connectAdmin } from '../backend/admin.ts'
import type { BackendConfig } from '../config/backend-url.ts'
import type { CallOrigin } from '../operations/calls.ts'

/** Those of the statements that have ended. Without track_activities a backend does not tell: its own count as running. */
export async function endedStatements(
  backend: BackendConfig,
  origins: readonly CallOrigin[],
): Promise<Set<CallOrigin>> {
  const admin = await connectAdmin(backend)
  try {
    const { rows } = await admin.query<{ pid: number; statement: string | null }>(
      `SELECT a.pid, (pg_catalog.extract('epoch', a.query_start) OPERATOR(pg_catalog.*) 1000000::pg_catalog.numeric)
         ::pg_catalog.int8::pg_catalog.text AS statement
       FROM pg_catalog.pg_stat_activity AS a
       WHERE a.state OPERATOR(pg_catalog.=) ANY (ARRAY['active', 'fastpath function call', 'disabled'])
         AND a.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])`,
      [origins.map(({ pid }) => pid)],
    )
    const isRunning = (origin: CallOrigin): boolean =>
      rows.some(({ pid, statement }) => pid === origin.pid && (statement === null || statement === origin.statement))
    return new Set(origins.filter(origin => !isRunning(origin)))
  } finally {
    await admin.end()
  }
}
