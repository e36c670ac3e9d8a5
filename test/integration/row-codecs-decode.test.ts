import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRowDecoder } from '../../src/formats/rows/row-codecs.ts'
import { readRowOptions } from '../../src/formats/rows/row-options.ts'
import type { PgError } from '../../src/protocol/pg-error.ts'
import { quoteLiteral } from '../../src/sql/quote.ts'
import { copyIn } from '../support/copy-queries.ts'
import { decodeRows, type Row } from '../support/data-rows.ts'
import { createDatabaseSession, type DatabaseSession } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

const FILES = Number(process.env.FUZZ_FILES ?? 400)

interface Case {
  readonly format: 'csv' | 'tsv'
  readonly options: Record<string, unknown>
  readonly columns: string[]
  readonly file: Buffer
  readonly chunks: Buffer[]
}

type Outcome = Row[] | { code: string; message: string; hint: string | undefined; line: string | undefined }

describe.each(servers)('decoders against COPY FROM of PostgreSQL $version', server => {
  let session: DatabaseSession
  let client: pg.Client
  beforeAll(async () => {
    session = await createDatabaseSession(server)
    client = session.client
    for (const count of [1, 2, 3]) {
      const columns = columnNames(count).map(name => `${name} text`)
      await client.query(`CREATE TABLE t${count} (${columns}, position serial)`)
    }
  })
  afterAll(() => session.close())

  async function copied({ format, options, columns, file }: Case): Promise<Outcome> {
    const table = `t${columns.length}`
    const clauses = Object.entries(options).map(([key, value]) => copyClause(key, value))
    await client.query('BEGIN')
    try {
      const copyFormat = format === 'tsv' ? 'text' : format
      await copyIn(client, `COPY ${table} (${columns}) FROM STDIN (${[`FORMAT ${copyFormat}`, ...clauses]})`, file)
      return (await client.query({ text: `SELECT ${columns} FROM ${table} ORDER BY position`, rowMode: 'array' })).rows
    } catch (error) {
      const { code, message, hint, where } = error as pg.DatabaseError
      return { code: String(code), message, hint, line: /line (\d+)/.exec(String(where))?.[1] }
    } finally {
      await client.query('ROLLBACK')
    }
  }

  function decoded({ format, options, columns, chunks }: Case): Outcome {
    const target = { majorVersion: server.version, encoding: 'UTF8' }
    const rowOptions = readRowOptions(options, format, 'get')
    const shape = { columns, withLine: false }
    try {
      return decodeRows(writer => createRowDecoder(format, rowOptions, shape, target, writer), chunks)
    } catch (error) {
      const { code, message, hint, context } = error as PgError
      return { code, message, hint, line: /line (\d+)/.exec(String(context))?.[1] }
    }
  }

  it.each([
    ['csv', 'rows'],
    ['csv', 'soup'],
    ['tsv', 'rows'],
    ['tsv', 'soup'],
  ] as const)(
    'reads %s files as COPY does: %s',
    async (format, kind) => {
      const random = new Random(Number(process.env.FUZZ_SEED ?? 1))
      let failures = 0
      for (let i = 0; i < FILES; i++) {
        const each = randomCase(random, format, kind)
        const expected = await copied(each)
        if (!Array.isArray(expected)) failures++
        const told = `seed ${random.seed}, file ${i}: ${JSON.stringify(each.options)} ${JSON.stringify(each.file.toString('latin1'))}`
        expect(decoded(each), told).toEqual(expected)
      }
      // Both kinds of outcome are really seen.
      expect(failures).toBeGreaterThan(0)
      expect(failures).toBeLessThan(FILES)
    },
    120_000,
  )
})

const columnNames = (count: number): string[] => ['a', 'b', 'c'].slice(0, count)

function copyClause(key: string, value: unknown): string {
  const name = key === 'null_string' ? 'NULL' : key
  if (Array.isArray(value)) return `${name} (${value})`
  return `${name} ${typeof value === 'string' ? quoteLiteral(value) : value}`
}

function randomCase(random: Random, format: 'csv' | 'tsv', kind: 'rows' | 'soup'): Case {
  const columns = columnNames(1 + random.below(3))
  const options = format === 'csv' ? csvOptions(random, columns) : tsvOptions(random)
  const file = kind === 'rows' ? randomRows(random, format, options, columns.length) : randomSoup(random, options)
  return { format, options, columns, file, chunks: randomCuts(random, file) }
}

function csvOptions(random: Random, columns: string[]): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  if (random.chance(0.5)) options.delimiter = random.pick([';', '\t', '|', 'a', '\\', '.'])
  if (random.chance(0.3)) options.quote = random.pick(["'", '~', 'q'])
  if (random.chance(0.4)) options.escape = random.pick(['\\', '^', "'", '.'])
  if (random.chance(0.4)) options.null_string = random.pick(['NULL', '\\N', 'n', ' ', 'é'])
  if (random.chance(0.3)) options.header = true
  if (random.chance(0.2)) options.force_null = columns.filter(() => random.chance(0.7))
  if (random.chance(0.2)) options.force_not_null = columns.filter(() => random.chance(0.7))
  for (const key of ['force_null', 'force_not_null']) {
    if ((options[key] as string[] | undefined)?.length === 0) delete options[key]
  }
  if (String(options.null_string ?? '').includes(String(options.delimiter))) delete options.delimiter
  return options
}

function tsvOptions(random: Random): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  if (random.chance(0.5)) options.delimiter = random.pick([';', ',', '|', 'A'])
  if (random.chance(0.4)) options.null_string = random.pick(['NULL', '', 'n', ' ', 'é', '\\\\x', 'a\\b'])
  if (random.chance(0.3)) options.header = true
  return options
}

function randomRows(random: Random, format: 'csv' | 'tsv', options: Record<string, unknown>, columns: number): Buffer {
  const { delimiter = format === 'csv' ? ',' : '\t', quote = '"' } = options
  const escaping = String(options.escape ?? quote)
  const nullString = String(options.null_string ?? (format === 'csv' ? '' : '\\N'))
  const newline = random.pick(['\n', '\n', '\r\n', '\r'])
  const plain = ['1', 'b', 'some words', 'é', '日本', '', nullString, ' ', 'x41']
  const inner = [
    ...plain,
    String(quote) === escaping ? escaping + escaping : escaping + quote,
    '\n',
    '\r\n',
    String(delimiter),
  ]
  const escapes = [
    '\\n',
    '\\\\',
    '\\101',
    '\\7',
    '\\x4a',
    '\\xg',
    '\\N',
    '\\t',
    `\\${delimiter}`,
    '\\\n',
    '\\303\\251',
    '\\q',
  ]
  const field = (): string => {
    if (random.chance(0.2)) return nullString
    if (format === 'tsv') return random.times(4, () => random.pick([...plain, ...escapes])).join('')
    if (random.chance(0.5)) return random.times(2, () => random.pick(plain.slice(0, 5))).join('')
    return quote + random.times(4, () => random.pick(inner)).join('') + quote
  }
  const count = random.chance(0.2) ? random.pick([columns - 1, columns + 1]) : columns
  const lines = random.times(5, () =>
    Array.from({ length: random.chance(0.9) ? columns : count }, field).join(String(delimiter)),
  )
  if (random.chance(0.1)) lines.push('\\.', 'after the end')
  const last = random.chance(0.2) ? '' : newline
  return Buffer.from(lines.length === 0 ? '' : lines.join(newline) + last)
}

function randomSoup(random: Random, options: Record<string, unknown>): Buffer {
  const words: (string | Buffer)[] = [
    ',',
    '"',
    '\n',
    '\n',
    '\r\n',
    '\\',
    '\\.',
    '\\.\n',
    'a',
    'N',
    '.',
    'é',
    '\t',
    '1',
    'x',
    'f',
  ]
  for (const value of Object.values(options)) if (typeof value === 'string') words.push(value, value)
  const newline = random.pick(['\n', '\n', '\r\n', '\r'])
  const rare = [
    Buffer.of(0xff),
    Buffer.of(0xe6, 0x97),
    Buffer.of(0),
    Buffer.of(0xc3),
    '\r',
    '\\377',
    '\\0',
    '\\xe6',
    '\n',
    '\r\n',
    '😀',
  ]
  const parts = random.times(24, () => {
    if (random.chance(0.02)) return random.pick(rare)
    const word = random.pick(words)
    return word === '\n' || word === '\r\n' ? newline : word
  })
  return Buffer.concat(parts.map(part => Buffer.from(part as string)))
}

function randomCuts(random: Random, file: Buffer): Buffer[] {
  const most = random.pick([1, 3, 10, 1000])
  const chunks: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const next = at + 1 + random.below(most)
    chunks.push(file.subarray(at, next))
    at = next
  }
  return chunks
}
