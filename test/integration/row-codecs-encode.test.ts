import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRowEncoder } from '../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../src/formats/rows/row-options.ts'
import { quoteIdent, quoteLiteral } from '../../src/sql/quote.ts'
import { copyOut } from '../support/copy-queries.ts'
import { createDatabaseSession, type DatabaseSession } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

const FILES = Number(process.env.FUZZ_FILES ?? 150)
const NAMES = ['a', 'b c', 'x,"y"', '\\', 'é']

describe.each(servers)('encoders against COPY TO of PostgreSQL $version', server => {
  const target = { majorVersion: server.version, encoding: 'UTF8' }
  let session: DatabaseSession
  let client: pg.Client
  beforeAll(async () => {
    session = await createDatabaseSession(server)
    client = session.client
  })
  afterAll(() => session.close())

  it.each(['csv', 'tsv'] as const)(
    'writes %s as COPY does',
    async format => {
      const random = new Random(Number(process.env.FUZZ_SEED ?? 1))
      for (let i = 0; i < FILES; i++) {
        const columns = NAMES.filter(() => random.chance(0.5))
        if (columns.length === 0) continue
        const options = format === 'csv' ? csvOptions(random, columns) : tsvOptions(random)
        const rows = random.times(6, () =>
          columns.map(() => (random.chance(0.2) ? null : randomValue(random, options))),
        )
        const query = rowsQuery(columns, rows)
        const expected = await copyOut(client, `COPY (${query}) TO STDOUT (${copyClauses(format, options)})`)

        const literals = await client.query<{ literal: string }>(
          `SELECT ROW(${columns.map(quoteIdent)})::text AS literal FROM (${query}) AS q`,
        )
        const encoder = createRowEncoder(format, readRowOptions(options, format, 'put'), columns, target)
        const written: Buffer[] = [Buffer.from(encoder.begin())]
        for (const chunk of groups(random, literals.rows)) {
          written.push(Buffer.from(encoder.encode(Buffer.from(chunk.map(({ literal }) => literal).join('')))))
        }
        written.push(encoder.end())
        const told = `seed ${random.seed}, file ${i}: ${JSON.stringify(options)} ${JSON.stringify(rows)}`
        expect(Buffer.concat(written).toString(), told).toBe(expected.toString())
      }
    },
    60_000,
  )

  it('writes binary as COPY does', async () => {
    const query = `SELECT i, 'word ' || i AS word, i * 1.5 AS number, NULLIF(i, 2) AS gap, ARRAY[i, NULL] AS list,
      ROW(i, 'x') AS nested, now() AS at FROM generate_series(1, 50) AS i`
    await client.query('BEGIN')
    const expected = await copyOut(client, `COPY (${query}) TO STDOUT (FORMAT binary)`)
    const { rows } = await client.query<{ line: string }>(
      `SELECT encode(record_send(q), 'hex') AS line FROM (${query}) AS q`,
    )
    await client.query('ROLLBACK')
    const encoder = createRowEncoder('binary', readRowOptions({}, 'binary', 'put'), [], target)
    const lines = rows.map(({ line }) => `${line}\n`)
    const halves = [lines.slice(0, 20), lines.slice(20)].map(each => encoder.encode(Buffer.from(each.join(''))))
    expect(Buffer.concat([encoder.begin(), ...halves, encoder.end()]).equals(expected)).toBe(true)
  })
})

function rowsQuery(columns: readonly string[], rows: readonly (string | null)[][]): string {
  const names = ['n', ...columns.map(quoteIdent)].join(', ')
  const nothing = `(0${', NULL'.repeat(columns.length)})`
  const values = rows.map(
    (row, n) => `(${[n + 1, ...row.map(value => (value === null ? 'NULL' : quoteLiteral(value)))]})`,
  )
  const typed = columns.map(name => `${quoteIdent(name)}::text`)
  return `SELECT ${typed} FROM (VALUES ${[nothing, ...values]}) AS v (${names}) WHERE n > 0 ORDER BY n`
}

function copyClauses(format: 'csv' | 'tsv', options: Record<string, unknown>): string[] {
  const clauses = Object.entries(options).map(([key, value]) => {
    if (Array.isArray(value)) return `${key} (${value.map(quoteIdent)})`
    const name = key === 'null_string' ? 'NULL' : key
    return `${name} ${typeof value === 'string' ? quoteLiteral(value) : value}`
  })
  return [`FORMAT ${format === 'tsv' ? 'text' : format}`, ...clauses]
}

function csvOptions(random: Random, columns: readonly string[]): Record<string, unknown> {
  const forced = columns.filter(() => random.chance(0.5))
  return {
    ...(random.chance(0.5) && { delimiter: random.pick([';', '\t', '|', 'a', '\\']) }),
    ...(random.chance(0.3) && { quote: random.pick(["'", '~', 'q']) }),
    ...(random.chance(0.4) && { escape: random.pick(['^', "'", '.']) }),
    ...(random.chance(0.4) && {
      null_string: random.pick(['NULL', 'n', ' ', 'é', 'a long one, no']).replace(/[,a]/g, ''),
    }),
    ...(random.chance(0.5) && { header: true }),
    ...(random.chance(0.3) && forced.length > 0 && { force_quote: forced }),
  }
}

function tsvOptions(random: Random): Record<string, unknown> {
  return {
    ...(random.chance(0.5) && { delimiter: random.pick([';', ',', '|', '\b', 'A']) }),
    ...(random.chance(0.4) && { null_string: random.pick(['NULL', '', 'n', ' ', 'é']) }),
    ...(random.chance(0.5) && { header: true }),
  }
}

function randomValue(random: Random, options: Record<string, unknown>): string {
  if (random.chance(0.1)) return String(options.null_string ?? '')
  if (random.chance(0.05)) return '\\.'
  const words = [
    ',',
    '"',
    "'",
    '\n',
    '\r',
    '\\',
    '.',
    'a',
    'é',
    '日本',
    ' ',
    '(',
    ')',
    '\t',
    '\b',
    '\x01',
    'plain words',
  ]
  for (const value of Object.values(options)) if (typeof value === 'string') words.push(value)
  return random.times(8, () => random.pick(words)).join('')
}

function groups<T>(random: Random, items: readonly T[]): T[][] {
  const result: T[][] = []
  for (let at = 0; at < items.length; ) {
    const size = 1 + random.below(4)
    result.push(items.slice(at, at + size))
    at += size
  }
  return result
}
