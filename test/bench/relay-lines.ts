import { type BenchStack, psqlCommand, SOCKET_DATABASE, shell, sql } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

const PGBENCH_SECONDS = 4
const CLIENTS = [1, 2, 8, 32]
const WORKERS = 2
const FEW_CLIENTS = [1, 2]
/** For what is of use to many. */
const MANY_CLIENTS = [8, 32]
const BIG_RESULT = "SELECT repeat('x', 1000) FROM generate_series(1, 300000)"

/** A proxy as a line has it. */
interface Ours {
  readonly name: string
  readonly clients: readonly number[]
  port(): Promise<number>
}

/** What lines are held against. */
interface Other {
  readonly against: string
  readonly port: number
  readonly database?: string
  readonly before?: () => Promise<void>
  readonly ours: readonly Ours[]
}

/**
 * Pass-through: select-only pgbench (transactions per second, more is better) and one result of 300 MB. A new process of the
 * server has to map each page of the shared buffers that it reads for the first time, which in a run of some seconds costs
 * as much as all else: the proxy's sessions have new ones, and so has pgbouncer where its line does not say that they are
 * those that earlier runs have warmed. pgbouncer has the server at 127.0.0.1 where it does not say otherwise.
 */
export async function relayLines(stack: BenchStack): Promise<Pair[]> {
  const tps = await preparePgbench(stack)
  if (tps === undefined) {
    console.error('pgbench is not installed: its lines are left out')
    return []
  }
  const lines = othersOf(stack).flatMap(({ against, port, database, before, ours }) =>
    ours.flatMap(each =>
      each.clients.map(clients => ({
        name: `pgbench -S, ${clients} client${clients > 1 ? 's' : ''}${each.name}`,
        against,
        unit: 'tps',
        ours: async () => tps(await each.port(), clients),
        theirs: async () => {
          await before?.()
          return tps(port, clients, database)
        },
      })),
    ),
  )
  return [...lines, ...bigResults(stack)]
}

function bigResults({ proxyPort, directPort, pgbouncerPort }: BenchStack): Pair[] {
  const result = (port: number): Promise<number> => {
    return seconds(() => shell(`${psqlCommand(port)} -A -t -c "${BIG_RESULT}" > /dev/null`))
  }
  const against = (name: string, port: number): Pair => ({
    name: 'one 300 MB result',
    against: name,
    unit: 's',
    ours: () => result(proxyPort),
    theirs: () => result(port),
  })
  const pgbouncer = pgbouncerPort === undefined ? [] : [against('pgbouncer', pgbouncerPort)]
  return [against('direct', directPort), ...pgbouncer]
}

function othersOf(stack: BenchStack): Other[] {
  const { directPort, pgbouncerPort, socketBackend } = stack
  const plain: Ours = { name: '', clients: CLIENTS, port: async () => stack.proxyPort }
  const asleep: Ours = {
    name: ', --busy-poll 0',
    clients: FEW_CLIENTS,
    port: () => stack.anotherProxy('--busy-poll', '0'),
  }
  const workers: Ours = {
    name: `, ${WORKERS} workers`,
    clients: MANY_CLIENTS,
    port: () => stack.anotherProxy('--workers', String(WORKERS)),
  }
  const socket: Ours = {
    name: ', server by its Unix socket',
    clients: MANY_CLIENTS,
    port: () => stack.anotherProxy('--backend', socketBackend),
  }
  const both: Ours = {
    name: `${workers.name}${socket.name}`,
    clients: MANY_CLIENTS,
    port: () => stack.anotherProxy('--workers', String(WORKERS), '--backend', socketBackend),
  }
  const bare: Ours = {
    name: ', not Blobgres but bare-relay.cjs',
    clients: MANY_CLIENTS,
    port: () => stack.bareRelay(),
  }
  const direct: Other = { against: 'direct', port: directPort, ours: [plain, workers] }
  if (pgbouncerPort === undefined) return [direct]
  const pgbouncer = { port: pgbouncerPort, before: () => stack.reconnectPgbouncer() }
  return [
    direct,
    { ...pgbouncer, against: 'pgbouncer', ours: [plain, bare, asleep, workers, socket, both] },
    { ...pgbouncer, against: 'pgbouncer, server by its Unix socket', database: SOCKET_DATABASE, ours: [socket, both] },
    { against: 'pgbouncer, warm', port: pgbouncerPort, ours: [{ ...plain, clients: MANY_CLIENTS }] },
  ]
}

/** Transactions per second of select-only pgbench; undefined where there is none. */
export async function preparePgbench(
  stack: BenchStack,
): Promise<((port: number, clients: number, database?: string) => Promise<number>) | undefined> {
  const pgbench = await findPgbench()
  if (pgbench === undefined) return undefined
  await shell(`${pgbench} -i -s 10 -q -h 127.0.0.1 -p ${stack.directPort} -U postgres postgres 2>&1`)
  await sql(stack.directPort, 'VACUUM ANALYZE')
  return async (port, clients, database = 'postgres') => {
    const output = await shell(
      `${pgbench} -n -S -M prepared -c ${clients} -j 1 -T ${PGBENCH_SECONDS} -h 127.0.0.1 -p ${port} -U postgres ${database}`,
    )
    return Number(/tps = ([\d.]+)/.exec(output)?.[1])
  }
}

async function findPgbench(): Promise<string | undefined> {
  const found = await shell('command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -1 || true')
  return found.trim() || undefined
}
