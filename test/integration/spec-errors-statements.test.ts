import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientError, errorsByDriver, errorsByPsql } from '../support/client-errors.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

const NO_FUNCTION = 'No function matches the given name and argument types. You might need to add explicit type casts.'
const NO_BEST = 'Could not choose a best candidate function. You might need to add explicit type casts.'
const BLOB = "azure_storage.blob_get('a', 'b', 'c.csv')"

/** Calls that PostgreSQL refuses before a function runs, as it does with the real extension. */
const MISTAKEN: readonly [statement: string, code: string, message: string, hint?: string][] = [
  [`SELECT * FROM ${BLOB} AS res (id bigint PRIMARY KEY)`, '42601', 'syntax error at or near "PRIMARY"'],
  [`COPY t FROM ${BLOB}`, '42601', 'syntax error at or near "azure_storage"'],
  [`COPY t FROM ${BLOB} WITH (FORMAT csv)`, '42601', 'syntax error at or near "azure_storage"'],
  [`SELECT ${BLOB}`, '0A000', 'materialize mode required, but it is not allowed in this context'],
  [`SELECT * FROM ${BLOB}`, '42601', 'a column definition list is required for functions returning "record"'],
  [
    "SELECT * FROM azure_storage.blob_get('a', 'b', 'c.csv', NULL::t) AS res (a int)",
    '42601',
    'a column definition list is redundant for a function returning a named composite type',
  ],
  [
    "SELECT * FROM azure_storage.blob_get('a', 'b', 'c', 'csv', 'auto', NULL) AS res (a int)",
    '42725',
    `function azure_storage.blob_get(${Array(6).fill('unknown').join(', ')}) is not unique`,
    NO_BEST,
  ],
  [
    "SELECT azure_storage.blob_put('a', 'b', 'c.csv', data => t) FROM t",
    '42883',
    'function azure_storage.blob_put(unknown, unknown, unknown, data => t) does not exist',
    NO_FUNCTION,
  ],
  [
    "SELECT azure_storage.blob_put('a', 'b', 'c.csv', 1)",
    '42883',
    'function azure_storage.blob_put(unknown, unknown, unknown, integer) does not exist',
    NO_FUNCTION,
  ],
  [
    "SELECT azure_storage.blob_put('a', 'b', 'c.csv', t) OVER () FROM t",
    '0A000',
    'aggregate function azure_storage.blob_put(text,text,text,record) does not support use as a window function',
  ],
  ["SELECT size FROM azure_storage.blob_list('a', 'b')", '42703', 'column "size" does not exist'],
]

const missing = (statement: string, argument: string) =>
  [statement, '22004', `${argument} argument is required`] as (typeof MISTAKEN)[number]

/** Arguments that may not be NULL. */
const INCOMPLETE = [
  ...['account_name', 'container_name', 'path', 'decoder', 'compression'].flatMap((argument, i) => {
    const given = ["'a'", "'b'", "'c'", "'csv'", "'auto'"].with(i, 'NULL::text')
    return [
      missing(`SELECT * FROM azure_storage.blob_get(${given.join(', ')}) AS res (a int)`, argument),
      missing(`SELECT * FROM azure_storage.blob_get(${given.toSpliced(3, 0, 'NULL::t').join(', ')})`, argument),
    ]
  }),
  ...['account_name', 'container_name', 'path', 'tuple', 'encoder', 'compression'].map((argument, i) => {
    const given = ["'a'", "'b'", "'c'", 'row(1)', "'csv'", "'auto'"].with(i, 'NULL')
    return missing(`SELECT azure_storage.blob_put(${given.join(', ')})`, argument)
  }),
  ...['account_name', 'container_name', 'prefix'].map((argument, i) =>
    missing(`SELECT * FROM azure_storage.blob_list(${["'a'", "'b'", "'c'"].with(i, 'NULL').join(', ')})`, argument),
  ),
]

describe.each(servers)('statements that are refused on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE t (a int); INSERT INTO t VALUES (1)')
  })
  afterAll(() => stack.close())

  test.each([
    ['mistaken', MISTAKEN],
    ['incomplete', INCOMPLETE],
  ])('because they are %s, each with its error through driver and psql', async (_, refused) => {
    const statements = refused.map(([statement]) => ({ given: [], statement }))
    const named = (errors: readonly (ClientError | undefined)[]) =>
      Object.fromEntries(refused.map(([statement], i) => [statement, errors[i]]))
    const expected = named(refused.map(([, code, message, hint]) => ({ code, message, detail: undefined, hint })))
    expect(named(await errorsByDriver(stack.client, statements))).toEqual(expected)
    expect(named(await errorsByPsql(stack.url(), statements))).toEqual(expected)
  })
})
