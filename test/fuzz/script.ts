import { FRONTEND } from '../../src/protocol/codes.ts'
import { Random } from '../support/random.ts'
import { message, wire } from '../support/wire.ts'
import { type Blobs, IMPORTS, type Import, importFeed, ourStatement } from './ours.ts'
import { type Feed, joined, type Piece, plain, type Sql, same } from './pieces.ts'
import { COPY_IN, COPY_ROWS, plainStatement, WITH_PARAMETERS } from './statements.ts'

/** A conversation's client side: messages, and how they are cut into writes. */
export interface Script {
  readonly seed: number
  readonly pieces: readonly Piece[]
  readonly cut: Cut
  /** Statements of ours are in it. */
  readonly ours: boolean
}

/** One write; one a message; of random lengths; of one byte each. With a pause between two writes, or none. */
export interface Cut {
  readonly how: 'whole' | 'messages' | 'random' | 'bytes'
  readonly pause: 'none' | 'turn' | 'moment'
}

/** Names of statements and portals. In scripts with statements of ours, what a name stands for is fixed by its kind. */
const PLAIN_NAMES = ['', '', 's1', 's2']
const IMPORT_NAMES: Readonly<Record<string, Import>> = { z1: 'good', z2: 'bad', z3: 'missing' }
const COPY_IN_NAME = 'c1'

interface Context {
  readonly random: Random
  /** Undefined: plain scripts. */
  readonly blobs: Blobs | undefined
  /** What imports by unnamed statements find. */
  readonly unnamed: Import
}

/** The script of a seed, the same each time; with `blobs`, statements of ours are in it. */
export function generateScript(seed: number, blobs: Blobs | undefined): Script {
  // Neighbouring seeds must not give alike scripts.
  const random = new Random(Math.imul(seed, 0x9e3779b1) | 1)
  for (let i = 0; i < 5; i++) random.below(2)
  const context = { random, blobs, unnamed: random.pick(IMPORTS) }
  const pieces: Piece[] = []
  for (let i = 1 + random.below(10); i > 0; i--) {
    for (const next of production(context)) {
      const before = pieces.at(-1)
      if (blobs && before && before !== SYNC && !isQuery(before)) {
        // A query in a pipeline that no Sync has ended may end its transaction or not: the servers' versions differ. After
        // a FunctionCall there PostgreSQL 18.4 loses its way and refuses the next statement, which may be a look-up.
        if (isQuery(next) || isFunctionCall(next)) pieces.push(random.chance(0.8) ? SYNC : FAILURE)
        // Its look-up would be the first query of the client's transaction.
        if (isParsedExport(next)) pieces.push(SYNC)
      }
      pieces.push(next)
    }
  }
  return { seed, pieces, ours: blobs !== undefined, cut: randomCut(random, pieces) }
}

const SYNC = same('Sync', wire.sync)
const FAILURE = same('Close of nothing known', message(FRONTEND.close, Buffer.from('Xname\0')))
const isQuery = ({ label }: Piece): boolean => label.startsWith('Query ')
const isFunctionCall = ({ label }: Piece): boolean => label.startsWith('FunctionCall ')
const isParsedExport = ({ label }: Piece): boolean => /^Parse .*COPY .* TO '.*:/.test(label)

function randomCut(random: Random, pieces: readonly Piece[]): Cut {
  const length = pieces.reduce((sum, { proxied }) => sum + proxied.length, 0)
  const how = random.pick<Cut['how']>([
    'whole',
    'messages',
    'random',
    'random',
    ...(length < 300 ? (['bytes'] as const) : []),
  ])
  return { how, pause: random.pick<Cut['pause']>(['none', 'turn', 'turn', 'moment']) }
}

function production(context: Context): Piece[] {
  const { random } = context
  const choice = random.below(100)
  if (choice < 35) return [queryMessage(context)]
  if (choice < 60) return [...statementRun(context), ...ending(random)]
  if (choice < 70) return extendedCopyIn(context)
  if (choice < 72) return [functionCall(random)]
  if (choice < 73) return [oddity(context)]
  return [singleMessage(context), ...(random.chance(0.3) ? ending(random) : [])]
}

const ending = (random: Random): Piece[] =>
  random.chance(0.75) ? [SYNC] : random.chance(0.5) ? [same('Flush', wire.flush)] : []

// ---- simple queries -------------------------------------------------------------------------------------------------

function queryMessage(context: Context): Piece {
  const { random } = context
  const count = random.chance(0.6) ? 1 : 2 + random.below(3)
  const text = joined(Array.from({ length: count }, () => simpleStatement(context, count === 1)))
  // Rows that are left out leave the session in its COPY: no rows of a blob must come after it then.
  const lastInside = text.feeds.findLastIndex(({ inside }) => inside)
  const isFed = context.blobs !== undefined || random.chance(0.85)
  const feeds = text.feeds.slice(0, isFed ? text.feeds.length : lastInside + 1)
  return {
    label: `Query ${text.proxied}`,
    proxied: Buffer.concat([wire.query(text.proxied), ...feeds.filter(({ inside }) => !inside).map(bytesOf)]),
    direct: Buffer.concat([wire.query(text.direct), ...feeds.map(bytesOf)]),
    aliases: text.aliases,
  }
}

const bytesOf = ({ bytes }: Feed): Buffer => bytes

function simpleStatement(context: Context, alone: boolean): Sql {
  const { random, blobs } = context
  if (blobs && random.chance(0.35)) return ourStatement(random, blobs, random.pick(IMPORTS), alone)
  if (random.chance(0.08)) return { ...plain(random.pick(COPY_IN)), feeds: [clientFeed(random)] }
  return plain(otherStatement(context))
}

/** In a transaction the look-up for an export is a query, which this does not bear. */
const UNBEARING = /^START TRANSACTION/

function otherStatement({ random, blobs }: Context): string {
  let text = plainStatement(random)
  while (blobs && UNBEARING.test(text)) text = plainStatement(random)
  return text
}

function clientFeed(random: Random): Feed {
  const rows = random.times(3, () => wire.copyData(random.pick(COPY_ROWS)))
  const end = random.chance(0.85) ? wire.copyDone : wire.copyFail('enough')
  return { inside: false, bytes: Buffer.concat([...rows, end]) }
}

// ---- the extended protocol ------------------------------------------------------------------------------------------

const nameOf = (context: Context): string =>
  context.blobs && context.random.chance(0.4)
    ? context.random.pick(Object.keys(IMPORT_NAMES))
    : context.random.pick(PLAIN_NAMES)

/** Where any portal may be of any statement, a shadow's rows could reach a COPY of the client's. */
const portalFor = (context: Context, statement: string): string =>
  context.blobs ? statement : context.random.pick(PLAIN_NAMES)

function statementRun(context: Context): Piece[] {
  const { random } = context
  const name = nameOf(context)
  const portal = portalFor(context, name)
  const [parse, parameters] = parseMessage(context, name)
  const pieces: Piece[] = []
  if (name !== '' && random.chance(0.5)) pieces.push(closeMessage('S', name))
  pieces.push(parse)
  if (random.chance(0.3)) pieces.push(describeMessage('S', name))
  for (let i = random.chance(0.2) ? 2 : 1; i > 0; i--) {
    pieces.push(bindMessage(random, name, portal, parameters))
    if (random.chance(0.4)) pieces.push(describeMessage('P', portal))
    pieces.push(executeMessage(context, portal))
    if (random.chance(0.2)) pieces.push(executeMessage(context, portal))
  }
  return pieces
}

function parseMessage(context: Context, name: string): [Piece, number] {
  const { random, blobs } = context
  if (random.chance(0.25)) {
    const [text, parameters] = random.pick(WITH_PARAMETERS)
    const types = random.chance(0.3) ? [random.pick([23, 25, 17, 0])] : []
    return [same(`Parse ${name}: ${text}`, wire.parse(text, name, types)), parameters]
  }
  const kind = IMPORT_NAMES[name] ?? context.unnamed
  const isOurs = blobs && (name === '' || name in IMPORT_NAMES) && random.chance(0.6)
  const text = isOurs ? ourStatement(random, blobs, kind, true) : plain(otherStatement(context))
  const label = `Parse ${name}: ${text.proxied}`
  return [{ ...text, label, proxied: wire.parse(text.proxied, name), direct: wire.parse(text.direct, name) }, 0]
}

function bindMessage(random: Random, statement: string, portal: string, parameters: number): Piece {
  const values = Array.from({ length: random.chance(0.95) ? parameters : random.below(3) }, () => random.pick(VALUES))
  const formats = random.chance(0.8) ? [] : random.times(2, () => random.below(2))
  const results = random.chance(0.7) ? [] : random.times(2, () => random.below(2))
  const label = `Bind ${portal} to ${statement}, ${values.length} values, formats ${formats}, results ${results}`
  return same(label, wire.bind(values, { portal, statement, formats, results }))
}

const VALUES = ['1', '', null, 'x', Buffer.from([0, 0, 0, 5]), 'y'.repeat(50_000), '2', '3']

const describeMessage = (what: 'S' | 'P', name: string): Piece =>
  same(`Describe ${what} ${name}`, what === 'S' ? wire.describeStatement(name) : wire.describePortal(name))

const closeMessage = (what: 'S' | 'P', name: string): Piece =>
  same(`Close ${what} ${name}`, what === 'S' ? wire.closeStatement(name) : wire.closePortal(name))

/** If the portal is an import, rows follow; if not, the server ignores them. */
function executeMessage(context: Context, portal: string): Piece {
  const rows = context.random.chance(0.7) ? 0 : 1 + context.random.below(3)
  const execute = wire.execute(portal, rows)
  const label = `Execute ${portal}, ${rows} rows`
  const kind = portal === '' ? context.unnamed : IMPORT_NAMES[portal]
  if (context.blobs === undefined || kind === undefined) return same(label, execute)
  return { label, proxied: execute, direct: Buffer.concat([execute, importFeed(kind).bytes]), aliases: [] }
}

function extendedCopyIn({ random, blobs }: Context): Piece[] {
  const name = blobs ? COPY_IN_NAME : random.pick(PLAIN_NAMES)
  const text = random.pick(COPY_IN)
  // After a Sync among rows that fail the proxy may let statements of ours pass.
  const between = (): Piece[] => (blobs === undefined && random.chance(0.25) ? [SYNC] : [])
  return [
    ...(name !== '' ? [closeMessage('S', name)] : []),
    same(`Parse ${name}: ${text}`, wire.parse(text, name)),
    same(`Bind ${name}`, wire.bind([], { portal: name, statement: name })),
    same(`Execute ${name}`, wire.execute(name)),
    ...between(),
    ...random.times(2, () => same('CopyData', wire.copyData(random.pick(COPY_ROWS)))),
    ...between(),
    ...(blobs !== undefined || random.chance(0.9)
      ? [random.chance(0.8) ? same('CopyDone', wire.copyDone) : COPY_FAIL]
      : []),
    ...ending(random),
  ]
}

const COPY_FAIL = same('CopyFail', wire.copyFail('no more'))

function singleMessage(context: Context): Piece {
  const { random } = context
  const name = nameOf(context)
  // A simple query that fails in a transaction leaves its portal, the unnamed one, in a state that crashes 15.18 and 18.4.
  const portal = name || 's1'
  switch (random.below(10)) {
    case 0:
      return parseMessage(context, name)[0]
    case 1:
      return bindMessage(random, name, portalFor(context, name), 0)
    case 2:
      return executeMessage(context, portal)
    case 3:
      return random.chance(0.5) ? describeMessage('S', name) : describeMessage('P', portal)
    case 4:
      return closeMessage(random.pick(['S', 'P'] as const), name)
    case 5:
      return same('Flush', wire.flush)
    case 6:
      return same('CopyData', wire.copyData(random.pick(COPY_ROWS)))
    case 7:
      return random.chance(0.7) ? same('CopyDone', wire.copyDone) : COPY_FAIL
    default:
      return SYNC
  }
}

// ---- the rest -------------------------------------------------------------------------------------------------------

/** abs(int4), text and result of it; one that is not there. */
function functionCall(random: Random): Piece {
  const [oid, value] = random.pick([
    [1397, '-7'],
    [1397, 'x'],
    [4_000_000_000 | 0, '1'],
  ] as const)
  return same(`FunctionCall ${oid}(${value})`, wire.functionCall(oid, [value]))
}

/** Messages that the server refuses; some end the session. */
function oddity({ random, blobs }: Context): Piece {
  const odd = random.pick<readonly [string, Buffer]>([
    ['unknown message', message('z'.charCodeAt(0))],
    ['Sync with a body', message(FRONTEND.sync, Buffer.from('x'))],
    ['Describe of nothing known', message(FRONTEND.describe, Buffer.from('Xname\0'))],
    ['Parse cut short', message(FRONTEND.parse, Buffer.from('\0SELECT 1\0'))],
    ['Bind cut short', message(FRONTEND.bind, Buffer.from('\0\0'))],
    ['Query with two texts', message(FRONTEND.query, Buffer.from('SELECT 1\0SELECT 2\0'))],
    ['Query without an end', message(FRONTEND.query, Buffer.from('SELECT 1'))],
    ['empty Parse', message(FRONTEND.parse)],
    // The proxy may have asked for replies that the server would not send any more.
    ...(blobs ? [] : [['Terminate', wire.terminate] as const]),
  ])
  return same(odd[0], odd[1])
}
