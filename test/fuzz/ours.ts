import type { Random } from '../support/random.ts'
import { wire } from '../support/wire.ts'
import { type Feed, plain, type Sql } from './pieces.ts'

/** Blobs that a lane has in its container, and the one that it writes. */
export interface Blobs {
  readonly account: string
  readonly container: string
  url(path: string): string
}

/** What an import finds at its URL. */
export type Import = 'good' | 'bad' | 'missing'

export const IMPORTS: readonly Import[] = ['good', 'bad', 'missing']
export const IMPORTED: Readonly<Record<Exclude<Import, 'missing'>, string>> = {
  good: '1,one,1\n2,"two\nlines",2\n3,,3\n',
  bad: '1,one,1\nx,two,2\n3,three,3\n',
}
export const EXPORTED = 'out.csv'

/** Reason of the CopyFail that stands for a blob that is not there. */
export const MISSING = 'missing blob'

export function importFeed(kind: Import): Feed {
  const rows = kind === 'missing' ? [wire.copyFail(MISSING)] : [wire.copyData(IMPORTED[kind]), wire.copyDone]
  return { inside: true, bytes: Buffer.concat(rows) }
}

/** A statement of ours, and a plain one that the server answers in the same way. */
export function ourStatement(random: Random, blobs: Blobs, kind: Import, alone: boolean): Sql {
  const choice = random.below(100)
  if (choice < 45) return importStatement(random, blobs, kind)
  if (choice < 75) return exportStatement(random, blobs)
  if (choice < 80 && alone) return backslashes(random, blobs, kind)
  if (choice < 84) return refused()
  if (choice < 86) {
    return pair('CREATE EXTENSION IF NOT EXISTS ', 'azure_storage', 'plpgsql')
  }
  if (choice < 94) {
    const call = `azure_storage.blob_get('${blobs.account}', '${blobs.container}', 'good.csv')`
    return pair('SELECT * FROM ', call, 'plain_get()', ' AS r (a int, b text, c int)')
  }
  const call = `azure_storage.blob_list('${blobs.account}', '${blobs.container}', 'good')`
  return pair('SELECT path, bytes FROM ', call, 'plain_list()')
}

/** `proxied` and `direct` are made equally long. */
function pair(before: string, proxied: string, direct: string, after = '', feeds: readonly Feed[] = []): Sql {
  if (direct.length > proxied.length) throw new Error(`longer than ${proxied}`)
  const padded = direct.padEnd(proxied.length)
  return { proxied: before + proxied + after, direct: before + padded + after, feeds, aliases: [[proxied, padded]] }
}

const TARGETS = ['b', 'b', 'b (a, b, c)', 'public.b', 'missing', 'b (nope, b, c)']
const OPTIONS = [
  '',
  '',
  ' (FORMAT csv)',
  " WITH (FORMAT 'csv', HEADER false)",
  " (FORMAT csv, NULL '')",
  ' (FORMAT csv, nope)',
  ' (FORMAT csv',
]

function importStatement(random: Random, blobs: Blobs, kind: Import): Sql {
  const target = random.pick(TARGETS)
  const where = random.chance(0.2) ? ' WHERE a > 1' : ''
  return copy(random, `COPY ${target} FROM `, blobs.url(`${kind}.csv`), 'STDIN', where, [importFeed(kind)])
}

function exportStatement(random: Random, blobs: Blobs): Sql {
  const url = blobs.url(EXPORTED)
  if (random.chance(0.15)) return pair('COPY ', `bv TO '${url}'`, '(SELECT * FROM bv) TO STDOUT CSV')
  // Of a relation that is not there and an option that is none, a query's error comes first or last.
  if (random.chance(0.1)) return pair('COPY missing TO ', `'${url}'`, 'STDOUT CSV')
  const target = random.pick(TARGETS.filter(name => name !== 'missing'))
  return copy(random, `COPY ${target} TO `, url, 'STDOUT', '', [])
}

function copy(random: Random, before: string, url: string, end: string, where: string, feeds: Feed[]): Sql {
  const options = random.pick(OPTIONS)
  if (options === '') return pair(before, `'${url}'`, `${end} CSV`, where, feeds)
  return pair(before, `'${url}'`, end, options + where, feeds)
}

/** A COPY where backslashes are escapes, else part of a literal; or the other way round. */
function backslashes(random: Random, blobs: Blobs, kind: Import): Sql {
  const text = random.pick(["SELECT 'a\\', ' ; COPY b FROM ", "SELECT 'a\\', ' -- '; COPY b FROM "])
  return pair(text, `$$${blobs.url(`${kind}.csv`)}$$`, 'STDIN CSV', " -- '", [importFeed(kind)])
}

/** What the proxy refuses is for the server a statement that fails. */
export function refused(): Sql {
  const proxied = `COPY b FROM 'https://nowhere.example/container/good.csv' (FORMAT csv)`
  return { ...plain(proxied), direct: "DO 'BEGIN RAISE EXCEPTION ''refused''; END'".padEnd(proxied.length) }
}
