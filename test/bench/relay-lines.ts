import { type BenchStack, psqlCommand, shell, sql } from './bench-stack.ts'
import { type Pair, seconds } from './measure.ts'

const PGBENCH_SECONDS = 4
const CLIENTS = [1, 8, 32]
const WORKERS = 2
const CLIENTS_OF_WORKERS = [8, 32]
const BIG_RESULT = "SELECT repeat('x', 1000) FROM generate_series(1, 300000)"

/** What a line is held against. */
interface Other {
  readonly against: string
  readonly port: number
  readonly before?: () => Promise<void>
  /** The numbers of clients, where it is not all of them. */
  readonly onlyWith?: readonly number[]
}

/**
 * Pass-through: select-only pgbench (transactions per second, more is better) and one result of 300 MB. A new process of the
 * server has to map each page of the shared buffers that it reads for the first time, which in a run of some seconds costs
 * as much as all else: the proxy's sessions have new ones, and so has pgbouncer where its line does not say that they are
 * those that earlier runs have warmed.
 */
export async function relayLines(stack: BenchStack): Promise<Pair[]> {
  const tps = await preparePgbench(stack)
  if (tps === undefined) {
    console.error('pgbench is not installed: its lines are left out')
    return []
  }
  const result = (port: number): Promise<number> => {
    return seconds(() => shell(`${psqlCommand(port)} -A -t -c "${BIG_RESULT}" > /dev/null`))
  }
  const { directPort, pgbouncerPort } = stack
  const others: Other[] = [{ against: 'direct', port: directPort }]
  if (pgbouncerPort !== undefined) {
    others.push({ against: 'pgbouncer', port: pgbouncerPort, before: () => stack.reconnectPgbouncer() })
    others.push({ against: 'pgbouncer, warm', port: pgbouncerPort, onlyWith: CLIENTS_OF_WORKERS })
  }
  const lines: Pair[] = []
  for (const { against, port, before, onlyWith } of others) {
    const theirs = async (clients: number): Promise<number> => {
      await before?.()
      return tps(port, clients)
    }
    for (const clients of onlyWith ?? CLIENTS) {
      const name = `pgbench -S, ${clients} client${clients > 1 ? 's' : ''}`
      lines.push({
        name,
        against,
        unit: 'tps',
        ours: () => tps(stack.proxyPort, clients),
        theirs: () => theirs(clients),
      })
    }
    if (onlyWith) continue
    for (const clients of CLIENTS_OF_WORKERS) {
      lines.push({
        name: `pgbench -S, ${clients} clients, ${WORKERS} workers`,
        against,
        unit: 'tps',
        ours: async () => tps(await stack.workersPort(WORKERS), clients),
        theirs: () => theirs(clients),
      })
    }
    lines.push({
      name: 'one 300 MB result',
      against,
      unit: 's',
      ours: () => result(stack.proxyPort),
      theirs: () => result(port),
    })
  }
  return lines
}

/** Transactions per second of select-only pgbench; undefined where there is none. */
export async function preparePgbench(
  stack: BenchStack,
): Promise<((port: number, clients: number) => Promise<number>) | undefined> {
  const pgbench = await findPgbench()
  if (pgbench === undefined) return undefined
  await shell(`${pgbench} -i -s 10 -q -h 127.0.0.1 -p ${stack.directPort} -U postgres postgres 2>&1`)
  await sql(stack.directPort, 'VACUUM ANALYZE')
  return async (port, clients) => {
    const output = await shell(
      `${pgbench} -n -S -M prepared -c ${clients} -j 1 -T ${PGBENCH_SECONDS} -h 127.0.0.1 -p ${port} -U postgres postgres`,
    )
    return Number(/tps = ([\d.]+)/.exec(output)?.[1])
  }
}

async function findPgbench(): Promise<string | undefined> {
  const found = await shell('command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -1 || true')
  return found.trim() || undefined
}
