import type { Totals } from '../activity/totals.ts'
import { isOutcome, type Transfer } from '../activity/transfer.ts'
import { KEPT } from '../activity/transfers.ts'
import type { Config } from '../config/config.ts'
import { optionsOf } from '../config/options.ts'
import type { Address } from '../config/values.ts'
import type { Services } from '../services.ts'
import { packageVersion } from '../version.ts'
import { registeredAccounts } from './registered-accounts.ts'

export type Row = readonly (string | undefined)[]

/** What a SHOW command shows. */
export interface Shown {
  readonly about: string
  readonly columns: readonly string[]
  readonly rows: (services: Services) => Promise<Row[]> | Iterable<Row>
  /** Each worker of a proxy has rows of its own; this makes those of all. Without it, one speaks for all. */
  readonly merge?: (rows: Row[]) => Row[]
}

const text = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(Math.round(value))

const TRANSFER_COLUMNS = [
  ...['id', 'session', 'backend', 'user', 'database', 'statement', 'direction', 'account', 'container', 'path'],
  ...['format', 'compression', 'state', 'bytes', 'total_bytes', 'rows', 'bytes_per_second', 'since', 'ms'],
  'sqlstate',
]

export const SHOWN: ReadonlyMap<string, Shown> = new Map(
  Object.entries<Shown>({
    transfers: {
      about: 'transfers under way, and the last hundred that have ended',
      columns: TRANSFER_COLUMNS,
      rows: function* ({ transfers }) {
        for (const each of [...transfers.live, ...transfers.finished.toReversed()]) yield transferRow(each)
      },
      merge: mergeTransfers,
    },
    sessions: {
      about: 'sessions of clients through this proxy',
      columns: ['id', 'backend', 'user', 'database', 'client', 'state', 'since'],
      rows: ({ sessions }) =>
        sessions.all.map(({ facts: { id, user, database, client, since }, pid, state }) => [
          ...[String(id), String(pid), user, database, client, state, since.toISOString()],
        ]),
      merge: rows => rows.sort((one, other) => timeOf(one.at(-1)) - timeOf(other.at(-1))),
    },
    accounts: {
      about: 'storage accounts that are registered in the databases of the server',
      columns: ['database', 'account_name', 'auth_type'],
      rows: async ({ server }) =>
        (await registeredAccounts(server.backend)).map(({ database, account, authType }) => [
          database,
          account,
          authType,
        ]),
    },
    stats: {
      about: 'what has been transferred since this proxy was started',
      columns: ['direction', 'under_way', 'done', 'failed', 'cancelled', 'bytes', 'rows', 'ms'],
      rows: ({ transfers }) =>
        Object.entries(transfers.totals).map(([direction, totals]) => {
          const underWay = transfers.live.filter(({ facts }) => facts.direction === direction).length
          return [direction, String(underWay), ...totalsRow(totals)]
        }),
      merge: addUp,
    },
    config: {
      about: 'what this proxy was told, without secrets',
      columns: ['key', 'value'],
      rows: s => config(s.config),
    },
    version: { about: 'of Blobgres', columns: ['version'], rows: () => [[`Blobgres ${packageVersion()}`]] },
    help: { about: 'this', columns: ['command', 'shows'], rows: () => help() },
  }),
)

const help = (): Row[] => Array.from(SHOWN, ([name, { about }]) => [`SHOW ${name.toUpperCase()}`, about])

function transferRow(transfer: Transfer): Row {
  const { id, facts, state, end, since, ms } = transfer
  return [
    ...[String(id), text(facts.session), String(facts.pid), facts.user, facts.database, facts.statement],
    ...[facts.direction, facts.account, facts.container, facts.path, facts.format, facts.compression],
    ...[end?.outcome ?? state, text(transfer.bytes), text(transfer.totalBytes), text(transfer.rows)],
    ...[text(transfer.bytesPerSecond), since.toISOString(), text(ms), end?.sqlstate],
  ]
}

const timeOf = (text: string | undefined): number => Date.parse(text ?? '')

/** As in one worker: those under way as they have begun, then the others, the last to end first. */
function mergeTransfers(rows: Row[]): Row[] {
  const value = (row: Row, column: string): string | undefined => row[TRANSFER_COLUMNS.indexOf(column)]
  const began = (row: Row): number => timeOf(value(row, 'since'))
  const ended = (row: Row): number => began(row) + Number(value(row, 'ms'))
  const isOver = (row: Row): boolean => isOutcome(value(row, 'state'))
  const live = rows.filter(row => !isOver(row)).sort((one, other) => began(one) - began(other))
  const over = rows.filter(isOver).sort((one, other) => ended(other) - ended(one))
  return [...live, ...over.slice(0, KEPT)]
}

/** Behind their first value, rows are numbers: those with the same first value become one. */
function addUp(rows: Row[]): Row[] {
  const sums = new Map<string | undefined, Row>()
  for (const row of rows) {
    const [first, ...values] = row
    const before = sums.get(first) ?? []
    sums.set(first, [first, ...values.map((value, i) => String(Number(value) + Number(before[i + 1] ?? 0)))])
  }
  return [...sums.values()]
}

const totalsRow = ({ done, failed, cancelled, bytes, rows, ms }: Totals): string[] =>
  [done, failed, cancelled, bytes, rows, ms].map(String)

/** Of what is not plain, what a person wants to know; nothing that is no option, or a secret one. */
function config({ backend, listen, loopback, tls, storageEndpoints, ...others }: Config): Row[] {
  const address = ({ host, port }: Address): string => `${host}:${port}`
  const at = backend.socketPath ?? address(backend)
  const rows: Row[] = [
    ['listen', address(listen)],
    ['backend', `${backend.user}@${at}/${backend.database}`],
    ['loopback', loopback && address(loopback)],
    ['tls', tls ? 'on' : 'off'],
    ['storageEndpoint', storageEndpoints.defaultTemplate],
    ...Array.from(storageEndpoints.accounts, ([account, url]) => [`storageEndpoint ${account}`, url]),
  ]
  const options = optionsOf('serve')
  for (const [key, value] of Object.entries(others)) {
    const isOpen = options.some(([name, { secret }]) => name === key && !secret)
    if (isOpen && ['string', 'number', 'boolean'].includes(typeof value)) rows.push([key, String(value)])
  }
  return rows
}
