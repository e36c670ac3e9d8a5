import { spawnSync } from 'node:child_process'

/** A program that tests use, and that a machine with Node alone has not. */
interface Tool {
  /** Succeeds where it is there. */
  readonly probe: readonly [command: string, ...args: string[]]
  /** Debian's package. */
  readonly package: string
}

export const PYTHON = '/usr/bin/python3'
export const JDBC_DRIVER = '/usr/share/java/postgresql.jar'

const TOOLS = {
  psql: { probe: ['psql', '--version'], package: 'postgresql-client' },
  pg_dump: { probe: ['pg_dump', '--version'], package: 'postgresql-client' },
  pg_recvlogical: { probe: ['pg_recvlogical', '--version'], package: 'postgresql-client' },
  pg_basebackup: { probe: ['pg_basebackup', '--version'], package: 'postgresql-client' },
  pgbench: { probe: ['pgbench', '--version'], package: 'postgresql' },
  psycopg: { probe: [PYTHON, '-c', 'import psycopg'], package: 'python3-psycopg' },
  asyncpg: { probe: [PYTHON, '-c', 'import asyncpg'], package: 'python3-asyncpg' },
  javac: { probe: ['javac', '-version'], package: 'default-jdk-headless' },
  JDBC: { probe: ['test', '-e', JDBC_DRIVER], package: 'libpostgresql-jdbc-java' },
  promtool: { probe: ['promtool', '--version'], package: 'prometheus' },
  Chromium: { probe: ['chromium', '--version'], package: 'chromium' },
  HAProxy: { probe: ['haproxy', '-v'], package: 'haproxy' },
  unshare: { probe: ['unshare', '--mount', 'true'], package: 'util-linux' },
  prlimit: { probe: ['prlimit', '--version'], package: 'util-linux' },
} as const satisfies Readonly<Record<string, Tool>>

export type ToolName = keyof typeof TOOLS

/** Those that this machine lacks, after an attempt to install them: as root on Debian. */
export function provideTools(): ToolName[] {
  const missing = findMissing()
  if (missing.length === 0 || process.getuid?.() !== 0 || !succeeds('apt-get', '--version')) return missing
  const packages = [...new Set(missing.map(tool => TOOLS[tool].package))]
  console.log(`Installing what the tests need: ${packages.join(' ')}`)
  const { status, stderr } = spawnSync('sh', ['-euc', INSTALL, 'sh', ...packages], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) console.warn(`They could not be installed: ${stderr.trim().split('\n').at(-1)}`)
  return findMissing()
}

/** Of the server's package only pgbench is of use: it need not make a cluster, and start it. */
const INSTALL = `
apt-get update -q -o Acquire::Retries=3
apt-get install -qy -o Acquire::Retries=3 --no-install-recommends postgresql-common
sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
apt-get install -qy -o Acquire::Retries=3 --no-install-recommends "$@"`

function findMissing(): ToolName[] {
  return (Object.keys(TOOLS) as ToolName[]).filter(tool => !succeeds(...(TOOLS[tool] as Tool).probe))
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
