import { quoteLiteral } from '../sql/quote.ts'

/**
 * A statement that fails, whatever state the session is in; the client is told the step's own error instead. Where COPY
 * with URLs is off, it runs `copy`, for PostgreSQL to refuse it in its own words.
 */
export function refusal(copy?: string): string {
  const setting = "pg_catalog.current_setting('azure_storage.enable_copy_command', true)"
  const off = `NOT coalesce(CASE WHEN pg_catalog.textne(${setting}, '') THEN ${setting} END, 'on')::boolean`
  const native = copy === undefined ? '' : `IF ${off} THEN EXECUTE ${quoteLiteral(copy)}; END IF; `
  return `DO ${quoteLiteral(`BEGIN ${native}RAISE EXCEPTION 'azure_storage'; END`)}`
}
