import { expect, it } from 'vitest'
import { BACKEND } from '../../../src/protocol/codes.ts'
import { frameBody } from '../../../src/protocol/frame-assembler.ts'
import { errorResponse, readErrorFields } from '../../../src/protocol/messages.ts'
import { clientContext, withoutOwnContext } from '../../../src/session/own-context.ts'

const CONNECTION = 'azure_storage_3b69f29f91a8b267e8fe85651ceb436a'
const GET = 'PL/pgSQL function azure_storage.blob_get(text,text,text,text,text,jsonb) line 24 at RETURN QUERY'
const FETCH = [
  `while executing query on dblink connection named "${CONNECTION}"`,
  `SQL statement "FETCH ALL FROM ${CONNECTION}"`,
  GET,
]
const CONVERSION = [
  'SQL statement "SELECT /* azure_storage.blob_get: box/a.csv, line 1, column b */ c2 FROM pg_catalog.unnest($1) AS blob_row"',
  'PL/pgSQL function azure_storage_private.check_rows(refcursor,text,text[],text[],text[]) line 30 at EXECUTE',
  'SQL statement "SELECT azure_storage_private.check_rows(blob_rows, place, names, types, titles)"',
  'PL/pgSQL function azure_storage_private.explain_failure(text,text,text,jsonb,jsonb) line 18 at PERFORM',
  'SQL statement "SELECT azure_storage_private.explain_failure(SQLSTATE, context, account_name, request, columns)"',
  GET.replace('RETURN QUERY', 'PERFORM'),
]
const PUT = [
  `while executing query on dblink connection named "azure_storage_82decf9af45d2900"`,
  'SQL expression "(',
  '    SELECT mode || upload || mark',
  '    FROM azure_storage_private.dblink(connection, request) AS t (upload text, mode text))"',
  'PL/pgSQL function azure_storage_private.put_open(azure_storage_private.caller,text,jsonb) line 13 at RETURN',
  'PL/pgSQL assignment "state := azure_storage_private.put_open(c, account_name,',
  "        jsonb_build_object('container', container_name))",
  '      FROM azure_storage_private.caller AS c"',
  'PL/pgSQL function azure_storage_private.put_row_slowly(text,text,text,text,anyelement,text,text,jsonb) line 25 at assignment',
  'PL/pgSQL function azure_storage_private.put_row(text,text,text,text,anyelement,text) line 11 at RETURN',
]

it.each([
  ['a call', FETCH, []],
  ['with a place in a blob', ['blob box/wide.csv, line 1', ...FETCH], ['blob box/wide.csv, line 1']],
  ['with that of a value', CONVERSION, ['blob box/a.csv, line 1, column b']],
  ['of texts with several lines', PUT, []],
  ['without quotes in English', FETCH.map(line => line.replaceAll('"', '»')), []],
])('nothing of our own: %s', (_, own, left) => {
  const users = [
    'SQL statement "SELECT *',
    "  FROM azure_storage.blob_get('acct', 'box', 'a.csv') AS t (a int)",
    '"',
    'PL/pgSQL function public.load(text) line 2 at PERFORM',
    'SQL function "load_all" statement 1',
  ]
  expect(clientContext(own.join('\n'))).toBe(left.join('\n'))
  expect(clientContext([...own, ...users].join('\n'))).toBe([...left, ...users].join('\n'))
})

it("the user's own lines inside stay", () => {
  const inner = ['PL/pgSQL function chk(integer) line 2 at RAISE', 'SQL function "chk2" statement 1']
  expect(clientContext([...inner, ...CONVERSION].join('\n'))).toBe(
    [...inner, 'blob box/a.csv, line 1, column b'].join('\n'),
  )
})

it("a user's text that looks like a function of ours stays", () => {
  for (const line of [
    'SQL statement "SELECT azure_storage.blob_list(text,text,text)"',
    'PL/pgSQL function public.blob_list(text,text,text) line 1 at RETURN QUERY',
    'PL/pgSQL function blob_list(text,text,text) line 1 at RETURN QUERY',
  ]) {
    expect(clientContext(line)).toBe(line)
  }
})

it('in the languages of the server', () => {
  const german = [
    `beim Ausführen der Anfrage auf dblink-Verbindung mit Namen »${CONNECTION}«`,
    `SQL-Anweisung »FETCH ALL FROM ${CONNECTION}«`,
    'PL/pgSQL-Funktion azure_storage.blob_list(text,text,text) Zeile 10 bei RETURN QUERY',
    'SQL-Anweisung »SELECT azure_storage.blob_list()«',
    'PL/pgSQL-Funktion laden() Zeile 1 bei PERFORM',
  ]
  expect(clientContext(german.join('\n'))).toBe(german.slice(3).join('\n'))
})

it('with azure_storage in the search_path', () => {
  expect(clientContext(FETCH.join('\n').replace('function azure_storage.', 'function '))).toBe('')
})

it('of an error and a notice, with the statement of ours that an internal position is in', () => {
  for (const code of [BACKEND.errorResponse, BACKEND.noticeResponse]) {
    const fields = { M: 'no', p: '7', q: 'SELECT azure_storage_private.access()', W: FETCH.join('\n') }
    const bytes = errorResponse(new Map(Object.entries(fields).map(([key, value]) => [key, Buffer.from(value)])), code)
    const left = withoutOwnContext({ code, bytes })
    expect(left[0]).toBe(code)
    expect([...readErrorFields(frameBody({ code, bytes: left }))]).toEqual([['M', Buffer.from('no')]])
  }
})
