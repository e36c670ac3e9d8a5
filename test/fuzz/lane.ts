import pg from 'pg'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { createDatabase } from '../support/database.ts'
import { Random } from '../support/random.ts'
import type { TestServer } from '../support/servers.ts'
import { directAnswers, isUnseen, proxiedAnswers } from './compare.ts'
import { type Blobs, EXPORTED, IMPORTED, refused } from './ours.ts'
import { generateScript, type Script } from './script.ts'
import { Side } from './side.ts'

const SCHEMA = `
  CREATE TABLE t (a int);
  CREATE TABLE b (a int, b text, c int);
  INSERT INTO b VALUES (0, 'zero', 0);
  CREATE VIEW bv AS SELECT * FROM b WHERE a > 0;
  CREATE FUNCTION noisy(g int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'row %', g; RETURN g; END$$;
`
const STAND_INS = `
  CREATE FUNCTION plain_get() RETURNS SETOF record LANGUAGE plpgsql AS
    $$BEGIN RETURN QUERY VALUES (1, 'one', 1), (2, E'two\\nlines', 2), (3, NULL::text, 3); END$$;
  CREATE FUNCTION plain_list() RETURNS TABLE (path text, bytes bigint) LANGUAGE plpgsql AS
    $$BEGIN RETURN QUERY SELECT 'good.csv', ${IMPORTED.good.length}::bigint; END$$;
`

/** How two answers to one script differ. */
export interface Difference {
  readonly script: Script
  readonly direct: readonly string[]
  readonly proxied: readonly string[]
}

/** Two sessions that are to answer alike, each in a database of its own; scripts run in them one after the other. */
export interface Lane {
  /** The script of a seed; with `ours`, statements of ours are in it. */
  script(seed: number, ours: boolean): Script
  /** `patienceMs`: how long to wait for answers before their lack is a difference. */
  compare(script: Script, patienceMs: number): Promise<Difference | undefined>
  /** The next script runs in new sessions. */
  reconnect(): void
  close(): Promise<void>
}

export async function openLane(server: TestServer): Promise<Lane> {
  const [stack, database] = await Promise.all([startCopyStack(server), createDatabase(server)])
  await stack.client.query(SCHEMA)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(SCHEMA + STAND_INS)
  await client.end()
  for (const [kind, rows] of Object.entries(IMPORTED)) await stack.put(`${kind}.csv`, rows)
  const blobs: Blobs = { account: account.name, container: stack.container.containerName, url: stack.blobUrl }
  const probe = refused()
  const direct = new Side(database.url, probe.direct)
  const proxied = new Side(stack.url(), probe.proxied)
  let exported: Buffer | undefined
  const reconnect = (): void => {
    direct.close()
    proxied.close()
  }

  return {
    script: (seed, ours) => generateScript(seed, ours ? blobs : undefined),
    async compare(script, patienceMs) {
      const random = new Random(script.seed | 1)
      const [expected, actual] = await Promise.all([
        direct.run(
          script.pieces.map(piece => piece.direct),
          { how: 'whole', pause: 'none' },
          random,
          patienceMs,
        ),
        proxied.run(
          script.pieces.map(piece => piece.proxied),
          script.cut,
          random,
          patienceMs,
        ),
      ])
      const { lines, exports } = directAnswers(expected.frames)
      // What a server says last may be lost when it closes: there may have been more exports.
      exported = expected.outcome === 'closed' ? undefined : (exports.at(-1) ?? exported)
      const before = [...lines, expected.outcome]
      const after = [...proxiedAnswers(actual.frames, script), actual.outcome]
      if (actual.frames.some(isUnseen)) reconnect()
      if (exported && script.ours) {
        before.push(`blob ${sorted(exported.toString('latin1'))}`)
        after.push(`blob ${sorted(await blobOf(stack))}`)
      }
      if (before.join('\n') === after.join('\n') || areCutShort(before, after)) return undefined
      exported = undefined
      await stack.container.getBlobClient(EXPORTED).deleteIfExists()
      return { script, direct: before, proxied: after }
    },
    reconnect,
    async close() {
      reconnect()
      await stack.close()
      await database.drop()
    },
  }
}

/** A server that ends a session with bytes unread resets the connection: what it said last may be lost. */
function areCutShort(before: readonly string[], after: readonly string[]): boolean {
  const [shorter, longer] = [before, after].sort((a, b) => a.length - b.length) as [string[], string[]]
  const said = shorter.slice(0, -1)
  return shorter.at(-1) === 'closed' && longer.at(-1) === 'closed' && said.every((line, i) => line === longer[i])
}

/** Two tables need not have the same rows in the same order: where a page has room again is a matter of time. */
const sorted = (rows: string): string => rows.split('\n').sort().join('\n')

const blobOf = (stack: CopyStack): Promise<string> =>
  stack.getBytes(EXPORTED).then(
    bytes => bytes.toString('latin1'),
    error => String(error.statusCode),
  )
