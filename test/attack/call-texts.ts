import type { Random } from '../support/random.ts'

/** A function of the extension, as pg_proc has it. */
export interface InstalledFunction {
  readonly schema: string
  readonly name: string
  readonly isAggregate: boolean
  readonly argumentNames: readonly string[]
  readonly argumentTypes: readonly string[]
}

export interface GeneratedCall {
  readonly fn: InstalledFunction
  /** SQL of each argument. */
  readonly values: readonly string[]
  readonly sql: string
}

/** What fits the tests' world better than chance would. */
export interface KnownWords {
  readonly accounts: readonly string[]
  readonly containers: readonly string[]
  readonly paths: readonly string[]
  /** Rows of azure_storage_private.caller, of other roles, sessions and times. */
  readonly callers: readonly string[]
  /** Of other roles; for requests and states. */
  readonly others: readonly string[]
}

const ODD_TEXTS = [
  '',
  ' ',
  "'",
  '"',
  '$$',
  '%s%I',
  '../..',
  'a b',
  'é',
  '日本',
  '😀',
  '|',
  'NULL',
  '-1',
  '{}',
  'x'.repeat(100_000),
]
const JSON_TEXTS = ['null', '{}', '[]', '1', '"x"', '[null]', '{"a": {}}', '['.repeat(500) + ']'.repeat(500)]
const CODERS = ['auto', 'csv', 'tsv', 'text', 'binary', 'parquet', 'nonsense']

/** Half of the calls are sensible but for who makes them; how often an argument of the others is not. */
const ODDITY = 0.2

/** Calls with arguments of the right types, made of what an attacker knows or makes up. */
export function generateCall(fn: InstalledFunction, random: Random, known: KnownWords): GeneratedCall {
  const oddity = random.chance(0.5) ? 0 : ODDITY
  const values = fn.argumentTypes.map((type, i) => argument(type, fn.argumentNames[i] ?? '', random, known, oddity))
  const call = `${fn.schema}.${fn.name}(${values.join(', ')})`
  const text = fn.isAggregate ? call : `(${call})::text`
  const from = random.chance(oddity / 2) ? '' : ' FROM azure_storage_private.caller AS c'
  return { fn, values, sql: `SELECT ${text} AS answer${from}` }
}

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

function argument(type: string, name: string, random: Random, known: KnownWords, oddity: number): string {
  if (random.chance(oddity / 2)) return `NULL::${type === 'anyelement' || type === 'record' ? 'text' : type}`
  switch (type) {
    case 'text':
      return literal(text(name, random, known, oddity))
    case 'text[]':
      return `ARRAY[${random.times(3, () => literal(text(name, random, known, oddity))).join(', ')}]::text[]`
    case 'jsonb':
      return `${literal(json(name, random, known, oddity))}::jsonb`
    case 'boolean':
      return random.pick(['true', 'false'])
    case 'integer':
    case 'bigint':
    case 'oid':
      return `${random.pick(['0', '1', '10', '25', '2147483647', String(random.below(20_000))])}::${type}`
    case 'refcursor':
      return `${literal(random.pick([...known.others, 'x', '', 'azure_storage_']))}::refcursor`
    case 'regtype':
      return `'${random.pick(['text', 'integer', 'pg_authid', 'azure_storage.accounts'])}'::regtype`
    case 'regclass':
      return `'${random.pick(['pg_catalog.pg_authid', 'azure_storage.accounts', 'pg_catalog.pg_class'])}'::regclass`
    case 'regrole':
      return `'${random.pick(['postgres', 'azure_pg_admin'])}'::regrole`
    case 'bytea':
      return "'x'::bytea"
    case 'azure_storage_private.caller':
      return oddity === 0 && random.chance(0.6) ? 'c' : caller(random, known)
    case 'azure_storage.auth_type':
      return `'${random.pick(['access-key', 'managed-identity'])}'::${type}`
    case 'azure_storage.storage_type':
      return `'blob'::${type}`
    default:
      return random.pick(["ROW(1, 'x'::text)", 'ROW()', "ROW(NULL::integer, repeat('x', 20000))"]) // record, anyelement
  }
}

function caller(random: Random, known: KnownWords): string {
  const type = 'azure_storage_private.caller'
  switch (random.below(4)) {
    case 0:
      return `${literal(random.pick(known.callers))}::${type}`
    case 1:
      return `ROW(10, c.proof)::${type}`
    case 2:
      return random.pick([
        `ROW(c.role, repeat('0', 64))::${type}`,
        `ROW(NULL, NULL)::${type}`,
        `ROW(c.role, c.proof || '0')::${type}`,
      ])
    default:
      return 'c'
  }
}

function text(name: string, random: Random, known: KnownWords, oddity: number): string {
  if (random.chance(oddity)) return random.pick(ODD_TEXTS)
  if (/account|^name$/.test(name)) return random.pick(known.accounts)
  if (name === 'container' || name === 'container_name') return random.pick(known.containers)
  if (/path|prefix/.test(name)) return random.pick(known.paths)
  if (/coder/.test(name)) return random.pick(CODERS)
  if (/compression/.test(name)) return random.pick(['auto', 'none', 'gzip'])
  if (name === 'challenge') return oddity === 0 ? '0'.repeat(32) : random.pick([`${'0'.repeat(32)}|x`, 'c0ffee'])
  if (name === 'state') return random.pick(['DATA t AAAAAAAAAAAA 0123456789abcdef\n(1)', 'DATA ', ...known.others])
  if (/sqlstate/.test(name)) return '22P02'
  return random.pick([...known.others, ...known.accounts, ...known.paths, ...CODERS])
}

function json(name: string, random: Random, known: KnownWords, oddity: number): string {
  if (random.chance(oddity)) return random.pick(JSON_TEXTS)
  if (name === 'columns' && oddity === 0) return '[{"type": "text"}]'
  if (name === 'columns')
    return random.pick(['[{"type": "text"}]', '[{"type": "text", "generated": true}]', '[{"type": "evil"}]'])
  if (name === 'options') return random.pick(['{}', '{"delimiter": ";"}', '{"delimiter": 5}'])
  const request: Record<string, unknown> = {
    container: random.pick(known.containers),
    path: random.pick(known.paths),
    decoder: random.pick(CODERS),
    encoder: random.pick(CODERS),
    compression: random.pick(['auto', 'none']),
    columns: [{ name: 'a', oid: 25, typmod: -1 }],
  }
  // What the definer's half must write itself, whatever it is given.
  if (random.chance(0.5)) {
    request.account = random.pick(known.accounts)
    request.access = random.pick([null, { auth_type: 'managed-identity', sealed: null }, random.pick(known.others)])
    request.call = { pid: random.below(10_000), statement: '1', database: 'postgres' }
    request.with_line = true
  }
  return JSON.stringify(request)
}
