import type pg from 'pg'
import { expect, test } from 'vitest'
import { startCopyStack } from '../support/copy-stack.ts'
import { plpgsqlBody, quotedBody } from '../support/plpgsql-bodies.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

/** On each server, where they are others. */
const BODIES = 1000
const SEED = 20_261_128

// Only the expression's own text, where an error quotes it, is not as it was written.
const asWritten = (context: string | undefined) =>
  context
    ?.replace(/azure_storage_private\.statement\((?:\/\* SELECT \*\/ \(SELECT )?/g, '')
    .replace(/SQL expression ".*?"(?=\n|$)/gs, 'SQL expression')

test.each(servers)(
  'bodies without a COPY of a blob do what they do past the proxy, on PostgreSQL $version',
  async server => {
    const stack = await startCopyStack(server)
    const random = new Random(SEED + server.version)
    const direct = await stack.connect(undefined, { connectionString: stack.database.url })
    await stack.client.query('CREATE TABLE copy (a int)')
    const notices: (string | undefined)[] = []
    const outcome = async (client: pg.Client, statements: string) => {
      notices.length = 0
      const listen = ({ message, code }: { message?: string | undefined; code?: string | undefined }): unknown =>
        notices.push(`${code} ${message}`)
      client.on('notice', listen)
      await client.query('BEGIN; INSERT INTO copy VALUES (1), (2); SET LOCAL client_min_messages = notice; SAVEPOINT s')
      const failure = await client.query(statements).then(
        () => undefined,
        (error: pg.DatabaseError) => ({
          code: error.code,
          message: error.message,
          detail: error.detail,
          hint: error.hint,
          position: error.position,
          where: asWritten(error.where),
        }),
      )
      if (failure) await client.query('ROLLBACK TO s')
      const { rows } = await client.query('SELECT a FROM copy ORDER BY a')
      await client.query('ROLLBACK')
      client.off('notice', listen)
      return { failure, rows, notices: [...notices] }
    }
    let failures = 0
    let rewritten = 0
    for (let i = 0; i < BODIES; i++) {
      const literal = quotedBody(plpgsqlBody(random), random)
      const statement = random.chance(0.5)
        ? `DO ${literal}`
        : `CREATE PROCEDURE p() LANGUAGE plpgsql AS ${literal}; CALL p()`
      const expected = await outcome(direct, statement)
      const seen = await outcome(stack.client, statement)
      expect({ i, statement, ...seen }).toEqual({ i, statement, ...expected })
      if (expected.failure) failures++
      if (/EXECUTE/.test(statement)) rewritten++
    }
    // Both kinds are there.
    expect(failures).toBeGreaterThan(BODIES / 10)
    expect(BODIES - failures).toBeGreaterThan(BODIES / 10)
    expect(rewritten).toBeGreaterThan(BODIES / 2)
    await stack.close()
  },
  300_000,
)
