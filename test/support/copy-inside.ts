import type pg from 'pg'
import { servers } from './servers.ts'

/** The servers, with both ways that COPY with a URL is run there. */
export const serversAndWays = servers.flatMap(server =>
  (['by itself', 'in a DO block'] as const).map(way => ({ server, version: server.version, way })),
)

/** A statement in a DO block. */
export const inside = (statement: string): string => `DO $do$ BEGIN ${statement}; END $do$`

const COPY_OF_BLOB = /^\s*(?:\/\*.*?\*\/\s*)?COPY\b.*'https?:/is

/** From here on the client's texts that begin with a COPY of a blob run in a DO block; what came back of it is ROW_COUNT. */
export function copyInside(client: pg.Client): void {
  const query = client.query.bind(client) as (query: unknown) => Promise<pg.QueryResult>
  const countedInside = async (text: string): Promise<Pick<pg.QueryResult, 'rowCount'>> => {
    await query(`DO $do$ DECLARE n bigint; BEGIN
      EXECUTE $copy$${text}$copy$;
      GET DIAGNOSTICS n = ROW_COUNT;
      PERFORM set_config('test.row_count', n::text, false);
    END $do$`)
    const { rows } = await query(`SELECT current_setting('test.row_count')::int AS n`)
    return { rowCount: rows[0].n }
  }
  Object.assign(client, {
    query: (text: unknown) => (typeof text === 'string' && COPY_OF_BLOB.test(text) ? countedInside(text) : query(text)),
  })
}
