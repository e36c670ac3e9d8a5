/** What a proxy before PostgreSQL must get right, and the tests that show it; or why it cannot arise. */
export interface ChecklistItem {
  readonly number: number
  readonly title: string
  /** Test file (in test/) and words of a test's title or of its table's row. */
  readonly shownBy: readonly (readonly [file: string, test: string])[]
  readonly why?: string
}

const FUZZ = ['integration/wire-fuzz.test.ts', 'are the same through the proxy as without it'] as const
const EXCHANGES = 'integration/wire-exchanges.test.ts'
const INTERCEPTED = 'integration/wire-intercepted.test.ts'
const FUNCTIONS = 'integration/wire-functions.test.ts'
const FLOW = 'integration/wire-flow.test.ts'
const STARTUP = 'integration/session-startup.test.ts'
const HOSTILE_STARTUP = 'integration/hostile-startup.test.ts'
const CANCEL = 'integration/session-cancel.test.ts'
const LOST = 'integration/session-lost.test.ts'
const ODD_BACKEND = 'integration/wire-odd-backend.test.ts'
const PENDING = 'unit/session/pending.test.ts'

export const WIRE_CHECKLIST: readonly ChecklistItem[] = [
  {
    number: 1,
    title: 'Messages are put together by their lengths, whatever the chunks',
    shownBy: [
      [INTERCEPTED, 'take their place among others, however the bytes come'],
      ['unit/session/client-stream.test.ts', 'passes all but what is taken, in order, whatever the chunks'],
      ['unit/session/startup.test.ts', 'reads a startup packet however it comes, and leaves what follows'],
      FUZZ,
    ],
  },
  {
    number: 2,
    title: 'A request for TLS is answered with one byte, and the login goes on',
    shownBy: [
      [STARTUP, 'encryption that is not offered is refused, and the login goes on'],
      [STARTUP, 'TLS, after GSSENCRequest or at once'],
      ['integration/tls-matrix.test.ts', 'logs in, or says why not'],
    ],
  },
  {
    number: 3,
    title: 'A request for GSSAPI encryption is refused by the proxy itself',
    shownBy: [
      [STARTUP, 'TLS, after GSSENCRequest or at once'],
      [STARTUP, 'the same request twice is an error'],
    ],
  },
  {
    number: 4,
    title: 'Nothing may come in plain text with a request for encryption, nor with its answer',
    shownBy: [
      [STARTUP, 'nothing may come with a request for TLS that is granted'],
      ['unit/backend/tls.test.ts', 'takes no plain text after the yes for an answer'],
    ],
  },
  {
    number: 5,
    title: 'Direct TLS asks for the protocol by name',
    shownBy: [[STARTUP, 'direct TLS asks for the protocol by name']],
  },
  {
    number: 6,
    title: 'Startup packets have limits, and peers that do not log in a deadline',
    shownBy: [
      [STARTUP, 'the longest packet'],
      [STARTUP, 'a packet one too long'],
      [HOSTILE_STARTUP, 'are dropped at the deadline: %s'],
      ['integration/hostile-idle.test.ts', "of them take little memory and nobody's turn, and leave nothing behind"],
    ],
  },
  {
    number: 7,
    title: "Protocol versions and options are the server's to negotiate",
    shownBy: [
      [STARTUP, 'protocol 3.2'],
      [STARTUP, 'protocol 3.9999'],
      [STARTUP, 'a protocol option'],
      [STARTUP, 'protocol 4.0'],
    ],
  },
  {
    number: 8,
    title: 'Startup parameters pass, all and in order',
    shownBy: [
      [STARTUP, 'parameters in their order'],
      [STARTUP, 'an unknown parameter'],
      ['unit/session/startup.test.ts', 'adds a parameter, but to no packet that the server would refuse'],
    ],
  },
  {
    number: 9,
    title: 'SCRAM logs in through a proxy that ends TLS, with channel binding where it can be',
    shownBy: [['integration/tls-matrix.test.ts', 'logs in, or says why not']],
  },
  {
    number: 10,
    title: "The client has its backend's process id and key",
    shownBy: [
      [CANCEL, 'reaches a statement, whatever comes after it'],
      [CANCEL, 'knows the longer keys of protocol 3.2'],
      [FUNCTIONS, "a session's own notifications carry its process id"],
    ],
  },
  {
    number: 11,
    title: 'A cancel request reaches its session, its transfer, and nobody else',
    shownBy: [
      [CANCEL, 'comes over TLS too'],
      [CANCEL, 'needs the right key'],
      [CANCEL, 'of a statement that has just ended hits none after it but the next'],
      [LOST, 'cancelled'],
      [
        'integration/hostile-cancel.test.ts',
        'with wrong keys cancels nothing, and with the right one its own session alone',
      ],
    ],
  },
  {
    number: 12,
    title: 'Errors before the login pass as they are',
    shownBy: [
      [STARTUP, 'an unknown database'],
      [STARTUP, 'a server that is down is named'],
      [ODD_BACKEND, 'a refusal to log in passes byte for byte'],
    ],
  },
  {
    number: 13,
    title: 'Headers that lie are left to the server',
    shownBy: [
      [EXCHANGES, 'a message length of 3'],
      [EXCHANGES, 'a negative message length'],
      [EXCHANGES, 'a message length above the limit'],
      [EXCHANGES, 'an unknown message'],
      [EXCHANGES, 'a Sync with a body'],
      [EXCHANGES, 'a Close that is too long'],
      ['integration/hostile-messages.test.ts', 'noise'],
    ],
  },
  {
    number: 14,
    title: 'A message that is written anew has a true length',
    shownBy: [['unit/protocol/messages.test.ts', 'texts are bytes as they are']],
    why:
      'Only Query and Parse messages of at most 1 MiB are written anew, and a rewritten text grows by a few hundred bytes ' +
      'a statement: no length comes near the 31 bits of its word. Node refuses to write one that does not fit.',
  },
  {
    number: 15,
    title: 'Long messages pass in little memory',
    shownBy: [
      [FLOW, 'a long parameter and a long result go through'],
      [FLOW, 'a long query text of ours is held until it is whole, a longer one passes unread'],
      ['integration/copy-untouched.test.ts', '100 MB of query text'],
    ],
  },
  {
    number: 16,
    title: 'Empty queries, statements, rows and values',
    shownBy: [
      [EXCHANGES, 'empty queries'],
      [EXCHANGES, 'an empty statement, described and executed'],
      [EXCHANGES, 'an empty query in a failed transaction'],
      [EXCHANGES, 'NULL and the empty string'],
      FUZZ,
    ],
  },
  {
    number: 17,
    title: 'Function calls by the fast path',
    shownBy: [
      [EXCHANGES, 'the fast path'],
      ['integration/clients-jdbc.test.ts', 'fetch size, server-prepared, autosave, CopyManager, large objects, cancel'],
    ],
    why: 'The functions of azure_storage are real functions of the server: it makes no difference how they are called.',
  },
  {
    number: 18,
    title: 'The statements of one query are one transaction',
    shownBy: [
      [EXCHANGES, 'one transaction for all statements of a query'],
      ['integration/copy-transactions.test.ts', 'several statements in one string are one transaction'],
      [INTERCEPTED, 'wait for the transaction that a client of many statements began'],
    ],
  },
  {
    number: 19,
    title: 'A pipeline without a Sync stays one transaction',
    shownBy: [
      [INTERCEPTED, 'are atomic with the rest of their pipeline'],
      [INTERCEPTED, 'answer a Flush'],
    ],
  },
  {
    number: 20,
    title: "The client's unnamed statement and portal survive the proxy's own",
    shownBy: [[INTERCEPTED, 'leave unnamed statements and portals alone']],
  },
  {
    number: 21,
    title: 'Pipelines of any length and shape',
    shownBy: [
      [EXCHANGES, 'three pipelines of which the middle fails'],
      [EXCHANGES, 'pipelines and queries in one write'],
      [FLOW, 'many pipelined statements are answered though the client reads only at the end'],
      ['integration/copy-transactions.test.ts', 'postgres.js, which pipelines'],
    ],
  },
  {
    number: 22,
    title: 'Flush brings replies without ReadyForQuery',
    shownBy: [
      [EXCHANGES, 'Flush brings replies without ReadyForQuery'],
      [INTERCEPTED, 'come to their turn after a Sync that a COPY of the client has swallowed'],
    ],
  },
  {
    number: 23,
    title: 'After an error all is skipped up to Sync, and what is skipped is not run',
    shownBy: [
      [EXCHANGES, 'an error comes at once and all up to Sync is skipped'],
      [INTERCEPTED, 'are not run where the backend skips'],
      [INTERCEPTED, 'come to their turn after a query that the backend skips'],
      [PENDING, 'a query that was sent before the error came is skipped'],
    ],
  },
  {
    number: 24,
    title: "Named statements are known by the server's word",
    shownBy: [
      [EXCHANGES, 'named statements'],
      [INTERCEPTED, 'stay prepared, are replaced and closed as others are'],
      [FUNCTIONS, 'from statements that are prepared by SQL and from cursors'],
    ],
  },
  {
    number: 25,
    title: 'Portals and row limits',
    shownBy: [
      [EXCHANGES, 'portals and row limits'],
      [FUNCTIONS, 'in pages, which end with their transaction'],
    ],
  },
  {
    number: 26,
    title: 'To describe is not to run',
    shownBy: [
      [INTERCEPTED, 'are described without being run'],
      [FUNCTIONS, 'described, by statement and by portal'],
    ],
  },
  {
    number: 27,
    title: 'Text and binary, for each value and column',
    shownBy: [[FUNCTIONS, 'with values and results in text, in binary and in both'], FUZZ],
  },
  {
    number: 28,
    title: "ReadyForQuery tells the backend's own status",
    shownBy: [
      [EXCHANGES, 'status of a transaction'],
      [INTERCEPTED, 'keep to the transaction and its savepoints'],
    ],
  },
  {
    number: 29,
    title: 'A failed transaction runs nothing, and what the proxy refuses fails it',
    shownBy: [
      [INTERCEPTED, 'keep to the transaction and its savepoints'],
      [INTERCEPTED, 'fail for their own reason within a transaction'],
    ],
  },
  {
    number: 30,
    title: 'A savepoint is gone back to',
    shownBy: [
      [INTERCEPTED, 'keep to the transaction and its savepoints'],
      ['integration/copy-transactions.test.ts', 'a savepoint is gone back to after an error'],
    ],
  },
  {
    number: 31,
    title: 'Errors and notices of any fields and bytes',
    shownBy: [
      [
        'unit/protocol/messages.test.ts',
        'fields of an error are read and written back the same, known or not, of any bytes',
      ],
      ['unit/protocol/messages.test.ts', 'an error that breaks off is read as far as it goes'],
      ['unit/protocol/messages.test.ts', 'an error of ours has what every client needs, and no more NULs than that'],
      [ODD_BACKEND, 'errors of odd fields pass byte for byte'],
      [INTERCEPTED, 'leave the position of a mistake elsewhere in the text'],
    ],
  },
  { number: 32, title: 'COPY IN by a simple query', shownBy: [[EXCHANGES, 'COPY IN, simple'], FUZZ] },
  {
    number: 33,
    title: 'COPY IN by the extended protocol ignores Sync, or does not',
    shownBy: [
      [EXCHANGES, 'COPY IN, extended: Sync within the data is ignored'],
      [EXCHANGES, 'COPY IN, extended: fails before it begins'],
      [EXCHANGES, 'COPY IN, extended: fails within'],
      [PENDING, 'a Sync behind the rows of a COPY IN that fails'],
      [INTERCEPTED, 'come to their turn after a Sync among rows that fail, be it answered or not'],
    ],
  },
  {
    number: 34,
    title: 'A COPY that the proxy feeds, anywhere',
    shownBy: [
      [INTERCEPTED, 'take their place among others, however the bytes come'],
      [INTERCEPTED, 'stand beside a COPY of the client in one query'],
      [
        'integration/copy-broken-storage.test.ts',
        'a download that dies in the middle: no row, and the line it came to',
      ],
      FUZZ,
    ],
  },
  {
    number: 35,
    title: 'COPY OUT with notices and errors, and no blob before it is complete',
    shownBy: [
      [EXCHANGES, 'COPY OUT, with notices between the rows and an error'],
      ['integration/copy-errors.test.ts', 'an export that fails leaves the blob as it was'],
      FUZZ,
    ],
  },
  {
    number: 36,
    title: 'Messages of a COPY out of place, others within one',
    shownBy: [
      [EXCHANGES, 'copy messages out of place'],
      [EXCHANGES, 'a query while rows are due'],
      [EXCHANGES, 'a query of ours while rows are due'],
    ],
  },
  {
    number: 37,
    title: 'Cancel and timeouts while the backend waits for rows',
    shownBy: [
      [LOST, 'cancelled'],
      ['integration/copy-cancel.test.ts', 'is cancelled by pg_cancel_backend (prepared: $prepared)'],
      ['integration/copy-cancel.test.ts', 'is ended by statement_timeout'],
    ],
  },
  {
    number: 38,
    title: 'Notifications come to who is idle, and in their place to who is not',
    shownBy: [
      ['integration/session-terminated.test.ts', 'notifications reach a client that is idle'],
      [EXCHANGES, 'notifications'],
    ],
  },
  {
    number: 39,
    title: "Notices and parameters at any time, but none of the proxy's own statements",
    shownBy: [
      [EXCHANGES, 'parameters change'],
      [INTERCEPTED, 'keep their private statements and notices to themselves'],
    ],
  },
  {
    number: 40,
    title: 'A backend that ends says so once',
    shownBy: [
      ['integration/session-terminated.test.ts', 'says so once: %s'],
      ['integration/session-terminated.test.ts', 'by its own timeouts, too'],
    ],
  },
  { number: 41, title: 'A backend that dies takes its session along', shownBy: [[LOST, 'backend terminated']] },
  {
    number: 42,
    title: 'A client that dies leaves nothing behind',
    shownBy: [
      [LOST, 'client lost (%s)'],
      [LOST, 'client lost before its statement begins'],
      [LOST, 'client lost while a statement before it runs'],
    ],
  },
  {
    number: 43,
    title: 'A client that sends no more gets its replies',
    shownBy: [
      ['integration/session-half-closed.test.ts', 'gets its replies'],
      ['integration/session-half-closed.test.ts', 'gets those of statements of ours, too'],
      ['integration/session-half-closed.test.ts', 'within its own COPY is told of it'],
      ['integration/session-half-closed.test.ts', 'gets its replies over TLS'],
    ],
  },
  {
    number: 44,
    title: 'Who does not read is not read from, each way by itself',
    shownBy: [
      [FLOW, 'a result waits in the server until the client reads it'],
      [FLOW, 'what is sent to a busy server waits in the client'],
      [
        'integration/hostile-messages.test.ts',
        '100,000 pipelined statements of a client that does not read wait outside',
      ],
    ],
  },
  {
    number: 45,
    title: 'No idle session is ended by the proxy, and the server may end its own',
    shownBy: [['integration/session-terminated.test.ts', 'by its own timeouts, too']],
  },
  {
    number: 46,
    title: 'statement_timeout covers the work of the proxy',
    shownBy: [
      ['integration/copy-cancel.test.ts', 'is ended by statement_timeout'],
      [
        'integration/blob-cancel.test.ts',
        'ends at statement_timeout, also of a session that does not come through the proxy',
      ],
    ],
  },
  {
    number: 47,
    title: 'Replication connections pass untouched',
    shownBy: [
      [STARTUP, 'replication connections pass as they are'],
      ['integration/clients-replication.test.ts', 'pg_recvlogical, and a subscription, get what is imported'],
    ],
  },
  {
    number: 48,
    title: 'What is read-only takes no rows',
    shownBy: [['integration/copy-transactions.test.ts', 'a read-only transaction exports, and does not import']],
  },
  {
    number: 49,
    title: 'Texts are read in the client encoding of the moment, and passed as bytes',
    shownBy: [
      [FUNCTIONS, 'hangs on client_encoding of the moment, also in one write'],
      [EXCHANGES, "encodings are the server's to judge"],
      ['unit/sql/classify.test.ts', 'a trail byte that looks like a backslash or a quote is neither'],
      ['integration/copy-client-encoding.test.ts', 'SJIS: a file whose characters hold backslashes'],
    ],
  },
  {
    number: 50,
    title: 'Backslashes mean what standard_conforming_strings of the moment says',
    shownBy: [[FUNCTIONS, 'hangs on standard_conforming_strings of the moment, also in one write'], FUZZ],
  },
  {
    number: 51,
    title: 'Names are found by the search_path, and text that is no statement is none',
    shownBy: [
      [FUNCTIONS, 'found by a search_path that ends with its transaction'],
      ['integration/copy-sources.test.ts', 'a view after SET search_path in the same string'],
      ['integration/copy-untouched.test.ts', 'passes as it is: comments, literals, identifiers, dollar quotes'],
      ['integration/blob-get-contexts.test.ts', 'a narrow or misleading search_path'],
    ],
  },
  {
    number: 52,
    title: "One backend for each client, with the proxy's address",
    shownBy: [FUZZ],
    why: 'The server sees the address of the proxy instead of the client: a limit that the README names.',
  },
]

/** A test as a run has left it. */
export interface RunTest {
  /** Within test/. */
  readonly file: string
  readonly fullName: string
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending'
  /** Skipped for lack of a tool. */
  readonly excused: boolean
}

/** What the checklist promises and a run has not shown, of the files that took part in it. */
export function notShown(tests: readonly RunTest[]): string[] {
  return WIRE_CHECKLIST.flatMap(({ number, shownBy }) =>
    shownBy.flatMap(([file, words]) => {
      const ran = tests.filter(each => each.file === file)
      if (ran.length === 0) return []
      const named = ran.filter(({ fullName }) => patternOf(words).test(fullName))
      // One that failed is told of already.
      const shown = named.some(({ state, excused }) => state === 'passed' || state === 'failed' || excused)
      return shown ? [] : [`${number}: no test "${words}" of ${file} has run`]
    }),
  )
}

/** Words of a title, in which placeholders of a table stand for anything. */
function patternOf(words: string): RegExp {
  const parts = words.split(/%\w|\$\w+/).map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(parts.join('.*'), 's')
}
