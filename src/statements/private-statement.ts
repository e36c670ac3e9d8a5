import { serialize } from 'pg-protocol'
import { parse } from '../protocol/messages.ts'

/** The proxy's own name of a prepared statement and portal in a client's session. */
export const PRIVATE_NAME = 'azure_storage_private'

/** Close, ParseComplete, BindComplete, CommandComplete, Close, Close. */
export const REPLIES_OF_PRIVATE_STATEMENT = 6

const NO_TYPES = Buffer.alloc(2)

/**
 * Runs a statement of ours (latin1, one char a byte) inside whatever transaction or pipeline the client is in: no Sync,
 * nothing unnamed. It closes the name first, because after an error the backend skips the Close behind it.
 */
export function privateStatement(text: string, values: Buffer[] = []): Buffer {
  return Buffer.concat([
    serialize.close({ type: 'S', name: PRIVATE_NAME }),
    parse(Buffer.from(PRIVATE_NAME), text, NO_TYPES),
    serialize.bind({ portal: PRIVATE_NAME, statement: PRIVATE_NAME, values }),
    serialize.execute({ portal: PRIVATE_NAME }),
    serialize.close({ type: 'P', name: PRIVATE_NAME }),
    serialize.close({ type: 'S', name: PRIVATE_NAME }),
  ])
}
