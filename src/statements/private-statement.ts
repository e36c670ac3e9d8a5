import { serialize } from 'pg-protocol'

/** The proxy's own name of a prepared statement and portal in a client's session. */
const NAME = 'azure_storage_private'

/** Close, ParseComplete, BindComplete, CommandComplete, Close, Close. */
export const REPLIES_OF_PRIVATE_STATEMENT = 6

/**
 * Runs a statement of ours inside whatever transaction or pipeline the client is in: no Sync, nothing unnamed. It closes
 * the name first, because after an error the backend skips the Close behind it.
 */
export function privateStatement(text: string, values: Buffer[] = []): Buffer {
  return Buffer.concat([
    serialize.close({ type: 'S', name: NAME }),
    serialize.parse({ name: NAME, text }),
    serialize.bind({ portal: NAME, statement: NAME, values }),
    serialize.execute({ portal: NAME }),
    serialize.close({ type: 'P', name: NAME }),
    serialize.close({ type: 'S', name: NAME }),
  ])
}
