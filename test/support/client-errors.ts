import { once } from 'node:events'
import type pg from 'pg'
import { psql } from './psql.ts'

/** What a client is told of an error; `…` stands for the ID of the request. */
export interface ClientError {
  readonly code: string
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
}

export interface FailingStatement {
  /** Run before it in its transaction. */
  readonly given: readonly string[]
  readonly statement: string
}

/** Each statement's error by the driver and the extended protocol, in a transaction that lives on; undefined: it had none. */
export async function errorsByDriver(
  client: pg.Client,
  statements: readonly FailingStatement[],
): Promise<(ClientError | undefined)[]> {
  const errors: (ClientError | undefined)[] = []
  for (const { given, statement } of statements) {
    await client.query(['BEGIN', 'SAVEPOINT before', ...given].join('; '))
    const drained = once(client, 'drain') // an error is told before the state
    const error: pg.DatabaseError | undefined = await client
      .query({ text: statement, queryMode: 'extended' } as pg.QueryConfig)
      .then(
        () => undefined,
        reason => reason,
      )
    await drained
    const states = [client.getTransactionStatus()]
    await client.query('ROLLBACK TO before')
    states.push(client.getTransactionStatus())
    await client.query('SELECT 1; ROLLBACK')
    states.push(client.getTransactionStatus())
    if (error && states.join('') !== 'ETI') throw new Error(`after ${statement} the states were ${states.join(', ')}`)
    errors.push(error && clientError(error.code, error.message, error.detail, error.hint))
  }
  return errors
}

/** Each statement's error as psql prints it, which sends it in one text with what is given; undefined: it had none. */
export async function errorsByPsql(
  url: string,
  statements: readonly FailingStatement[],
): Promise<(ClientError | undefined)[]> {
  const script = [
    '\\set ON_ERROR_STOP off',
    '\\set VERBOSITY verbose',
    '\\set SHOW_CONTEXT never',
    ...statements.flatMap(({ given, statement }) => [
      '\\warn -- next',
      `${[...given, statement].join('\\; ')};`,
      "SELECT 'alive';",
    ]),
  ]
  const { stdout, stderr } = await psql(url, script.join('\n'))
  const lived = stdout.match(/^alive$/gm)?.length ?? 0
  if (lived !== statements.length) throw new Error(`psql went no further than statement ${lived}:\n${stderr}`)
  return stderr
    .split('-- next\n')
    .slice(1)
    .map(part => {
      const field = (name: string) => new RegExp(`^${name}: {2}(.*)$`, 'm').exec(part)?.[1]
      const [, code, message] = /ERROR: {2}(\w{5}): (.*)/.exec(part) ?? []
      return message === undefined ? undefined : clientError(code, message, field('DETAIL'), field('HINT'))
    })
}

function clientError(
  code: string | undefined,
  message: string,
  detail: string | undefined,
  hint: string | undefined,
): ClientError {
  return { code: code ?? '', message, detail: detail?.replace(/request ID [0-9a-f-]{36}/, 'request ID …'), hint }
}
