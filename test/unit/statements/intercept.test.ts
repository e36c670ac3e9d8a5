import { describe, expect, it } from 'vitest'
import { openFromStatement } from '../../../src/credentials/sealing.ts'
import { BACKEND, STATUS } from '../../../src/protocol/codes.ts'
import { REPLIES_OF_PRIVATE_STATEMENT } from '../../../src/statements/private-statement.ts'
import { LOGIN, PID, ScriptedSession, sealingKey } from '../../support/scripted-session.ts'
import { backend, type Line, type ScriptedWire } from '../../support/scripted-wire.ts'
import { message, wire } from '../../support/wire.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'
const IMPORT = `COPY t FROM '${URL}'`
const EXPORT = `COPY t TO '${URL}'`
/** The URL stays, for logs and views to show. */
const TAIL = `WITH (FORMAT csv) /* ${URL} */`
const ADD = "SELECT azure_storage.account_add('acct', 'secret')"

const { ready } = backend
const parsed = message(BACKEND.parseComplete)
const failed = (fields = {}) => backend.error({ C: '42P05', M: 'no', ...fields })
const untilSent = (letter: string) => (to: ScriptedWire) => to.until(() => to.sent.includes(letter))
/** What a query of the proxy's own is answered, in a transaction of its own. */
const lookedUp = (value: string | null): Line[] => [
  backend.dataRow([value]),
  ...Array<Line>(REPLIES_OF_PRIVATE_STATEMENT).fill(message(BACKEND.closeComplete)),
  ready,
]
const OPENED: Line[] = [backend.rowDescription, backend.dataRow(['', '', '']), backend.complete('SELECT 1')]

/** The text of the last such message that the backend was sent. */
function sentText({ messages }: ScriptedWire, type: 'Q' | 'P'): string {
  const last = messages.filter(bytes => bytes[0] === type.charCodeAt(0)).at(-1) as Buffer
  const start = type === 'Q' ? 5 : last.indexOf(0, 5) + 1
  return last.toString('utf8', start, last.indexOf(0, start))
}

async function withPrepared(text: string, name = 's', lines: Line[] = []) {
  const session = new ScriptedSession()
  const backend = await session.take(wire.parse(text, name), [...lines, parsed])
  return { session, backend }
}

/** Whether the interceptor still knows a statement of this name. */
const knows = ({ interceptor }: ScriptedSession, name: string): boolean => {
  const bytes = wire.closeStatement(name)
  return interceptor.examine({ code: bytes[0] as number, bytes }) !== undefined
}

describe('What is not ours passes as it is', () => {
  const others = [
    wire.query('SELECT 1'),
    wire.query("COPY t FROM '/tmp/a.csv'; SELECT 'a://b'"),
    wire.query(`SELECT ${'1,'.repeat(600)} 'copy ://'`),
    wire.parse('SELECT $1', 's'),
    wire.parse("SELECT 'copy', '://'", 's'),
    wire.bind(['1'], { statement: 's' }),
    wire.execute(),
    wire.closeStatement('s'),
    wire.sync,
  ]

  it('whatever the message', async () => {
    const session = new ScriptedSession()
    for (const bytes of others) expect((await session.take(bytes)).sent).toEqual([])
    expect(session.passed).toEqual(others)
  })

  it('and a text whose length is not that of its message', async () => {
    const session = new ScriptedSession()
    const two = message('Q'.charCodeAt(0), Buffer.from(`${IMPORT}\0${IMPORT}\0`))
    await session.take(two)
    expect(session.passed).toEqual([two])
  })

  it.each([wire.query(IMPORT), wire.parse(IMPORT)])('and what the backend skips (%#)', async bytes => {
    const session = new ScriptedSession()
    session.isQuiet = false
    await session.take(bytes)
    expect(session.passed).toEqual([bytes])
  })
})

it('No secret passes in what the backend skips, or runs unseen', async () => {
  const session = new ScriptedSession()
  session.isQuiet = false
  for (const text of [ADD, `${IMPORT.slice(0, -1)}?sig=secret'`, `SELECT 1; ${ADD}`]) {
    await session.take(wire.query(text))
    await session.take(wire.parse(text, 's', [23]))
  }
  const [query, prepared, copy] = session.passed.map(bytes => bytes.toString())
  expect(query).toMatch(/^Q.*account_add\('acct', 'blobgres-sealed:[\w-]+'\)\0$/s)
  // Its types of parameters, too.
  expect(prepared?.endsWith(`')\0\0\x01\0\0\0\x17`)).toBe(true)
  expect(copy).toContain("a.csv?<redacted>'")
  expect(session.passed.join()).not.toContain('secret')
})

describe('A query', () => {
  it('that imports is a COPY FROM STDIN behind the question who may', async () => {
    const session = new ScriptedSession()
    const lines = [...OPENED, backend.copyIn(1), untilSent('f'), failed({ C: '57014' }), ready]
    const sent = await session.take(wire.query(`SELECT 1; ${IMPORT}; SELECT 2`), [
      backend.complete('SELECT 1'),
      ...lines,
    ])
    expect(sentText(sent, 'Q').replace(/'[0-9a-f]{32}'/, 'CHALLENGE')).toBe(
      `SELECT 1; SELECT * FROM azure_storage_private.copy_open('acct', 'box', 'COPY t FROM ''${URL}''', false, CHALLENGE); ` +
        `COPY t FROM STDIN ${TAIL}; SELECT 2`,
    )
    expect(session.passed).toEqual([])
  })

  it('gets no blob for an answer that the extension has not given', async () => {
    const lines = [...OPENED, backend.copyIn(1), untilSent('f'), failed({ C: '57014' }), ready]
    const { told } = await new ScriptedSession().take(wire.query(IMPORT), lines)
    expect(told[0]).toContain('C42501 Mazure_storage: this database cannot grant the use of storage account acct')
  })

  it('that exports fails in the backend where there is no lock to be had', async () => {
    const lines = [...lookedUp(null), failed({ C: 'P0001' }), ready]
    const sent = await new ScriptedSession().take(wire.query(EXPORT), lines)
    expect(sentText(sent, 'Q')).toMatch(/^DO /)
    expect(sent.told[0]).toContain('C08001 Mazure_storage: the proxy cannot connect to database')
  })

  it('that creates the extension is refused by the backend where the role may not', async () => {
    const denied = failed({ C: '42501', M: 'permission denied' })
    const text = 'CREATE EXTENSION azure_storage'
    const sent = await new ScriptedSession().take(wire.query(text), [...lookedUp('f'), denied, ready])
    expect(sentText(sent, 'Q')).toContain('Only members of "azure_pg_admin" are allowed to use CREATE EXTENSION')
    expect(sentText(sent, 'Q')).not.toContain('blobgres_installer_')
    expect(sent.told).toEqual(['E C42501 Mpermission denied', 'Z'])
  })

  it('is over where a question of ours has ended the client’s transaction', async () => {
    const session = new ScriptedSession(STATUS.inTransaction)
    const sent = await session.take(wire.query(EXPORT), [failed({ C: '42501' }), ready])
    expect([sent.told, sent.sent.includes('Q'), session.passed]).toEqual([['E C42501 Mno', 'Z'], false, []])
  })

  it('gives a credential sealed for the session and the account', async () => {
    const sent = await new ScriptedSession().take(wire.query(ADD), [backend.complete('SELECT 1'), ready])
    const [, sealed = ''] = /'acct', '(.*)'/.exec(sentText(sent, 'Q')) ?? []
    expect(sealed).toMatch(/^blobgres-sealed:/)
    const recipient = { account: 'acct', pid: PID, database: LOGIN.database }
    expect(openFromStatement(sealed, recipient, sealingKey)).toBe('secret')
  })

  it('with a credential that cannot be read in time is not shown to the server', async () => {
    const text = `${ADD}; SELECT '${'x'.repeat(1024)}'`
    const sent = await new ScriptedSession().take(wire.query(text), [failed({ C: 'P0001' }), ready])
    expect(sentText(sent, 'Q')).not.toContain('secret')
    expect(sent.told[0]).toContain('C54001')
  })
})

describe('A prepared statement', () => {
  it.each([
    [IMPORT, [], `COPY t FROM STDIN ${TAIL}`],
    [EXPORT, lookedUp(null), `COPY t TO STDOUT ${TAIL}`],
    [EXPORT, lookedUp('a, b'), `COPY (SELECT a, b FROM t ) TO STDOUT ${TAIL}`],
  ])('is prepared as what the backend can do (%s)', async (text, lines, expected) => {
    const { session, backend: sent } = await withPrepared(text, 's', lines)
    expect(sentText(sent, 'P')).toBe(expected)
    expect([sent.told, knows(session, 's'), session.passed]).toEqual([['1'], true, []])
  })

  it('is worked on when it is executed, with the question before it', async () => {
    const { session } = await withPrepared(IMPORT)
    const bind = wire.bind([], { statement: 's' })
    await session.take(bind)
    session.answer(message(BACKEND.bindComplete))
    const completions = Array<Line>(4).fill(message(BACKEND.closeComplete))
    const lines = [...completions, ...OPENED.slice(1), backend.copyIn(1), untilSent('f'), failed({ C: '57014' })]
    const sent = await session.take(wire.execute(), lines)
    expect(sentText(sent, 'P')).toContain('azure_storage_private.copy_open')
    expect(sent.sent.join('')).toBe('CPBECCEHf')
    expect(session.passed).toEqual([bind])
  })

  it('gives a credential among its parameters sealed', async () => {
    const { session } = await withPrepared('SELECT azure_storage.account_add($1, $2)')
    await session.take(wire.bind(['acct', 'secret'], { statement: 's' }))
    const [bound] = session.passed
    expect(bound?.toString()).toMatch(/acct.*blobgres-sealed:/s)
    expect(bound?.toString()).not.toContain('secret')
  })

  it('gives none away where it is called by more of its name than the server looks at', async () => {
    const name = 'n'.repeat(63)
    const { session } = await withPrepared('SELECT azure_storage.account_add($1, $2)', `${name}1`)
    await session.take(wire.bind(['acct', 'secret'], { statement: `${name}2` }))
    expect(session.passed.join()).not.toContain('secret')
  })

  it('passes where the transaction has failed', async () => {
    const { session } = await withPrepared(IMPORT)
    await session.take(wire.bind([], { statement: 's' }))
    session.answer(message(BACKEND.bindComplete))
    await session.take(wire.sync)
    session.answer(message(BACKEND.readyForQuery, Buffer.from('E')))
    await session.take(wire.execute())
    expect(session.passed).toContainEqual(wire.execute())
  })

  it('is forgotten when it is closed', async () => {
    const { session } = await withPrepared(IMPORT)
    await session.take(wire.closeStatement('s'))
    expect([knows(session, 's'), session.passed]).toEqual([false, [wire.closeStatement('s')]])
  })

  it('stays where a Close is skipped', async () => {
    const { session } = await withPrepared(IMPORT)
    session.isQuiet = false
    await session.take(wire.closeStatement('s'))
    expect(knows(session, 's')).toBe(true)
  })

  it('stays where its name is taken, but not the unnamed one', async () => {
    for (const name of ['s', '']) {
      const { session } = await withPrepared(IMPORT, name)
      const { told } = await session.take(wire.parse(IMPORT, name), [failed({ M: 'taken' })])
      expect(told).toEqual(['E C42P05 Mtaken'])
      expect(knows(session, name)).toBe(name === 's')
    }
  })

  it('is forgotten where one that is not ours takes its name', async () => {
    const { session } = await withPrepared(IMPORT, '')
    const { told } = await session.take(wire.parse('SELECT 1'), [parsed])
    expect([told, knows(session, '')]).toEqual([['1'], false])
  })

  it('without a name ends with a query', async () => {
    const { session } = await withPrepared(IMPORT, '')
    await session.take(wire.sync)
    session.answer(ready)
    await session.take(wire.query('SELECT 1'))
    expect(knows(session, '')).toBe(false)
  })

  it('is none where the backend does not take it', async () => {
    const session = new ScriptedSession()
    const { told } = await session.take(wire.parse(IMPORT, 's'), [failed({ P: '6' })])
    expect([told, knows(session, 's')]).toEqual([['E C42P05 Mno P6'], false])
  })

  it('leaves nothing to look at once all are closed', async () => {
    const { session } = await withPrepared(IMPORT)
    const bindCode = 'B'.charCodeAt(0)
    expect(session.interceptor.wants(bindCode)).toBe(true)
    session.interceptor.close()
    expect(session.interceptor.wants(bindCode)).toBe(false)
  })
})
