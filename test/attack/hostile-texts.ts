import type { Random } from '../support/random.ts'
import { message, wire } from '../support/wire.ts'

/** Messages that may be hard to read. */
export interface HostileText {
  /** What it is made of, enough to make it again. */
  readonly name: string
  readonly messages: Buffer
}

const URL = "'https://acct.blob.core.windows.net/box/a.csv'"
const COPY = `COPY t FROM ${URL}`
const ADD = 'azure_storage.account_add'

/** Head, what is repeated, tail: every construct of the grammar that may be repeated. */
const CONSTRUCTS: Readonly<Record<string, readonly [head: string, unit: string, tail: string]>> = {
  'comments, nested': ['', '/*', ''],
  'comments, closed': ['', '/**/', ''],
  'comments in comments': ['/*', '/* */ ', '*/'],
  'comments to the end of the line': ['', '--\n', ''],
  parentheses: [`${COPY} WHERE `, '(', ''],
  'parentheses, closed': ['SELECT ', '()', ''],
  operators: ['', '+', ''],
  'operators apart': ['SELECT 1', ' +1', ''],
  'operators of a COPY': [`${COPY} WHERE 1`, '+1', ' > 0'],
  'operators of a call': [`SELECT ${ADD}(1`, '+1', ')'],
  minuses: ['SELECT ', '- ', '1'],
  NOT: [`SELECT ${ADD}(`, 'NOT ', 'true)'],
  AND: [`SELECT ${ADD}(true`, ' AND true', ')'],
  names: ['SELECT ', 'a,', 'a'],
  'a long name': [`SELECT ${ADD}(`, 'a', ')'],
  'names with dots': [`SELECT ${ADD}(a`, '.a', ')'],
  'quoted names': ['SELECT ', '"a",', 'a'],
  'quotes of names': ['', '"', ''],
  strings: [`SELECT ${ADD}(`, "'a',", "'a')"],
  'strings in a row': [`SELECT ${ADD}('a'`, "\n'a'", ')'],
  'a string and white space': [`SELECT ${ADD}('a'`, '\n ', ')'],
  quotes: ['', "'", ''],
  'strings with escapes': [`SELECT ${ADD}(E'`, '\\x41', "')"],
  'strings with backslashes': ["SELECT '", '\\\\', "'"],
  'strings of Unicode': ['SELECT ', "U&'\\0041',", '1'],
  'names of Unicode': ['SELECT ', 'U&"\\0041",', '1'],
  'bit strings': ['SELECT ', "B'01',", '1'],
  'dollar quotes': ['SELECT ', '$$a$$,', '1'],
  'dollar quotes, open': ['', '$a$', ''],
  'dollar signs': ['', '$', ''],
  numbers: ['SELECT ', '1,', '1'],
  'a long number': ['SELECT ', '1', ''],
  parameters: ['SELECT ', '$1,', '$1'],
  'parameters of a call': [`SELECT ${ADD}($1`, ',$1', ')'],
  casts: [`SELECT ${ADD}(1`, '::int', ')'],
  'casts, nested': [`SELECT ${ADD}(`, 'CAST(', ''],
  subscripts: [`SELECT ${ADD}(a`, '[1]', ')'],
  arrays: [`SELECT ${ADD}(`, 'ARRAY[', ''],
  rows: [`SELECT ${ADD}(`, 'ROW(', ''],
  collations: [`SELECT ${ADD}('a'`, ' COLLATE "C"', ')'],
  CASE: [`SELECT ${ADD}(`, 'CASE WHEN true THEN ', '1)'],
  joins: [`SELECT ${ADD}(1) FROM a`, ' JOIN a ON true', ''],
  tables: [`SELECT ${ADD}(1) FROM a`, ',a', ''],
  subselects: [`SELECT ${ADD}(`, '(SELECT ', '1)'],
  unions: [`SELECT ${ADD}(1)`, ' UNION SELECT 1', ''],
  WITH: [`WITH a AS (SELECT ${ADD}(1))`, ',a AS (SELECT 1)', ' SELECT 1'],
  VALUES: [`INSERT INTO t SELECT ${ADD}(1); VALUES (1)`, ',(1)', ''],
  calls: [`SELECT ${ADD}('a', 'b')`, `,${ADD}('a', 'b')`, ''],
  'calls, nested': [`SELECT ${ADD}(`, 'azure_storage.account_options_credentials(', ''],
  'objects, nested': [`SELECT ${ADD}(`, "jsonb_build_object('credentials',", "'a')"],
  'objects in a call': [`SELECT ${ADD}(1`, `,'{"credentials":"a"}'`, ')'],
  'configuration of many strings': [`SELECT ${ADD}('{"name":"a","credentials":["a"`, ',"a"', `]}')`],
  'calls one by one': ['', `SELECT ${ADD}('a','b');`, ''],
  semicolons: ['', ';', ''],
  'small statements': ['', 'SELECT 1;', ''],
  'smallest statements': ['', 'a;', ''],
  'CREATE TABLE': ['', 'CREATE TABLE t(a int);', ''],
  'CREATE VIEW': ['', 'CREATE VIEW t AS SELECT 1;', ''],
  'CREATE FUNCTION': ['CREATE FUNCTION f() RETURNS int ', 'BEGIN ATOMIC ', ''],
  'CREATE EXTENSION': ['', 'CREATE EXTENSION azure_storage;', ''],
  COPY: ['', `${COPY};`, ''],
  'COPY TO': ['', `COPY t TO ${URL};`, ''],
  'COPY options': [`${COPY} (`, 'a 1,', 'a 1)'],
  'COPY options with lists': [`${COPY} (FORCE_NULL (a`, ',a', '))'],
  'COPY columns': ['COPY t (a', ',a', `) FROM ${URL}`],
  'slashes of a URL': ["COPY t FROM 'https://acct.blob.core.windows.net/box", '/a', ".csv'"],
  'a SAS': [`COPY t FROM 'https://acct.blob.core.windows.net/box/a.csv?sig=a`, '&sig=a', "'"],
  'slashes and colons': ['', '://', ''],
  'bytes that are no characters': ["SELECT '", '\xe3', "'"],
  'characters of two bytes': ["SELECT '", '\xc3\xa9a', "'"],
  'account_add in an open string': [`SELECT account_add '`, ' account_add sig=', ''],
  'dollar signs of a broken text': [`SELECT account_add $`, '$a', ''],
}

const SIZES = [1000, 10_000, 100_000, 1_000_000, 16_000_000]

/** A PostgreSQL that reads such a text as well would be busy with it for as long: it is to stop at the first word. */
const BROKEN = ') '

/** Every construct in every place, in an order that follows from the random numbers. */
export function* hostileTexts(random: Random): Generator<HostileText> {
  const left = [
    ...Object.keys(CONSTRUCTS).flatMap(name => SIZES.map(size => () => repeated(name, size, random))),
    ...SPECIAL.map(make => () => make(random)),
  ]
  while (left.length > 0) {
    const [make] = left.splice(random.below(left.length), 1)
    if (make) yield make()
  }
}

function repeated(name: string, size: number, random: Random): HostileText {
  const [head, unit, tail] = CONSTRUCTS[name] as readonly [string, string, string]
  const hostile = head + unit.repeat(Math.max(1, Math.floor(size / unit.length))) + tail
  // What makes the proxy look closer stands in front of it or behind it.
  const ours = `${COPY}; SELECT ${ADD}('a', 'b')`
  const isFirst = random.chance(0.5)
  const text = Buffer.from(BROKEN + (isFirst ? `${hostile}; ${ours}` : `; ${ours}; ${hostile}`), 'latin1')
  const isParse = random.chance(0.3)
  const isEscaped = random.chance(0.2)
  const messages = Buffer.concat([
    ...(isEscaped ? [wire.query('SET standard_conforming_strings = off; SET escape_string_warning = off')] : []),
    isParse ? message(0x50, Buffer.alloc(1), text, Buffer.alloc(3)) : wire.query(text),
    wire.sync,
  ])
  const where = `${isFirst ? 'in front of' : 'behind'} what is ours, in a ${isParse ? 'Parse' : 'Query'}`
  return { name: `${name}, ${size} bytes, ${where}${isEscaped ? ', with escapes' : ''}`, messages }
}

/** A statement that fails in EXECUTE: the CONTEXT of its error has its text. */
function failing(unit: string): HostileText {
  const text = `SELECT 'azure_storage://'::int -- ${unit.repeat(60_000 / unit.length)}`
  const messages = wire.query(`DO $a$ BEGIN EXECUTE $b$${text}$b$; END $a$`)
  return { name: `an error with ${JSON.stringify(unit)}`, messages }
}

/** What is more than one message, or no text. */
const SPECIAL: readonly ((random: Random) => HostileText)[] = [
  () => ({ name: '100,000 empty queries', messages: Buffer.concat(Array(100_000).fill(wire.query(''))) }),
  () => ({ name: '1,000,000 Syncs', messages: Buffer.concat(Array(1_000_000).fill(wire.sync)) }),
  () => ({ name: '1,000,000 Flushes', messages: Buffer.concat(Array(1_000_000).fill(wire.flush)) }),
  () => ({
    name: '300 small hard queries',
    messages: Buffer.concat(Array(300).fill(wire.query(`${BROKEN}; ${COPY} WHERE 1${'+1'.repeat(400)}`))),
  }),
  () => ({
    name: '300 queries for a thread',
    messages: Buffer.concat(Array(300).fill(wire.query(`${BROKEN}; ${COPY} WHERE 1${'+1'.repeat(4000)}`))),
  }),
  () => ({
    name: '10,000 statements of ours that are prepared',
    messages: Buffer.concat([...Array(10_000).keys()].map(i => wire.parse(COPY, `p${i}`)).concat(wire.sync)),
  }),
  ...[
    'PL/pgSQL azure_storage_private.f(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!',
    'PL/pgSQL azure_storage_private.f(a,',
    'PL/pgSQL account_account_account_',
    '/* azure_storage.blob_get: ',
    'azure_storage\n\n\n\n\n\n\n\n',
    'copy ',
  ].map(unit => () => failing(unit)),
  () => bound('a Bind with a large credential', ['acct', 'k'.repeat(1_000_000)]),
  () => bound('a Bind with a large name', ['a'.repeat(1_000_000), 'key']),
  () => bound('a Bind with a large credential of many characters', ['acct', 'é1'.repeat(300_000)]),
  () => bound('a Bind with a configuration of many strings', [`{"credentials": [${'"a",'.repeat(240_000)}"a"]}`]),
  () => bound('a Bind with a configuration that is none', ['{"credentials": '.repeat(60_000)]),
  () => {
    const numbers = Array.from({ length: 60_000 }, (_, i) => `$${i + 1}`)
    return {
      name: '60,000 parameters',
      messages: Buffer.concat([
        wire.parse(`SELECT ${ADD}(${numbers})`),
        wire.bind(numbers.map(() => 'a')),
        wire.execute(),
        wire.sync,
      ]),
    }
  },
  () => {
    const calls = Array.from({ length: 100 }, (_, i) => `${ADD}('a', $${i + 1})`)
    return {
      name: '100 credentials in a Bind',
      messages: Buffer.concat([
        wire.parse(`SELECT ${calls}`),
        wire.bind(calls.map(() => '{"credentials":"a"}'.padEnd(4000))),
        wire.execute(),
        wire.sync,
      ]),
    }
  },
]

function bound(name: string, values: readonly string[]): HostileText {
  const parameters = values.map((_, i) => `$${i + 1}`)
  const messages = [wire.parse(`SELECT ${ADD}(${parameters})`), wire.bind(values), wire.execute(), wire.sync]
  return { name, messages: Buffer.concat(messages) }
}
