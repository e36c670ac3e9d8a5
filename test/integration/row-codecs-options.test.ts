import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Direction, readRowOptions } from '../../src/formats/rows/row-options.ts'
import type { PgError } from '../../src/protocol/pg-error.ts'
import { quoteLiteral } from '../../src/sql/quote.ts'
import { servers } from '../support/servers.ts'

const DIRECTIONS: readonly Direction[] = ['get', 'put']

/** Older versions say some of it in other words. */
describe.each(servers.filter(({ version }) => version === 18))(
  'options as COPY of PostgreSQL $version takes them',
  server => {
    let client: pg.Client
    beforeAll(async () => {
      client = new pg.Client({ ...server, user: server.superuser, database: 'postgres' })
      await client.connect()
      await client.query('CREATE TEMPORARY TABLE t (a text, b text)')
    })
    afterAll(() => client.end())

    it.each([
      ['tsv', { delimiter: 'ab' }],
      ['csv', { delimiter: '' }],
      ['csv', { delimiter: 'é' }],
      ['csv', { delimiter: '\n' }],
      ['csv', { null_string: 'a\nb' }],
      ['tsv', { null_string: '\r' }],
      ['tsv', { delimiter: 'a' }],
      ['tsv', { delimiter: '.' }],
      ['tsv', { delimiter: '\\' }],
      ['tsv', { delimiter: '7' }],
      ['tsv', { quote: 'x' }],
      ['tsv', { escape: 'x' }],
      ['tsv', { force_quote: ['a'] }],
      ['tsv', { force_not_null: ['a'] }],
      ['tsv', { force_null: ['a'] }],
      ['csv', { quote: 'xx' }],
      ['csv', { quote: ',' }],
      ['csv', { escape: '' }],
      ['csv', { force_quote: ['a'] }],
      ['csv', { force_null: ['a'] }],
      ['csv', { force_not_null: ['a'] }],
      ['csv', { null_string: 'a,b' }],
      ['csv', { null_string: 'a"b' }],
      ['tsv', { null_string: 'a\tb' }],
      ['csv', { null_string: ';', delimiter: ';' }],
      ['csv', { delimiter: ';', quote: "'", escape: '^', null_string: 'NULL', header: true }],
      ['tsv', { delimiter: 'A', header: true }],
      ['binary', { quote: 'x' }],
    ] as const)('%s %j', async (format, options) => {
      const outcomes = DIRECTIONS.map(direction => {
        try {
          readRowOptions(options, format, direction)
          return 'fine'
        } catch (error) {
          return `${(error as PgError).code} ${(error as PgError).message}`
        }
      })
      expect(outcomes).toEqual([await refusal('FROM', format, options), await refusal('TO', format, options)])
    })

    /** Behind an option check, this COPY fails with something else: there is no such file. */
    async function refusal(direction: 'FROM' | 'TO', format: string, options: object): Promise<string> {
      const clauses = Object.entries(options).map(([key, value]) => {
        const name = key === 'null_string' ? 'NULL' : key
        if (Array.isArray(value)) return `${name} (${value})`
        return `${name} ${typeof value === 'string' ? quoteLiteral(value) : value}`
      })
      const copy = `COPY t ${direction} '/no/such/folder/file' (${[`FORMAT ${format === 'tsv' ? 'text' : format}`, ...clauses]})`
      const error: pg.DatabaseError = await client.query(copy).then(
        () => undefined,
        reason => reason,
      )
      return error.message.includes('/no/such/folder/file') ? 'fine' : `${error.code} ${error.message}`
    }
  },
)
