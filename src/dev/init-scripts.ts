import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readdir, rm, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Admin } from '../config/dev-config.ts'
import type { Address } from '../config/values.ts'

/** What runs a script, by the ending of its name. */
const RUNNERS: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  '.sql': ['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f'],
  '.sh': ['bash'],
}

export interface InitScripts {
  /** The data is new, and so whatever is done once is to be done. */
  readonly isFirst: boolean
  /** Runs them and then `more`, if they have not been run to their end before. */
  run(proxy: Address, admin: Admin, more: () => Promise<void>): Promise<void>
}

/**
 * The scripts in `scriptDir`, which run once for the cluster in `postgresDir`, before anyone but they has seen it. One that
 * a failed or broken-off start has left half done is removed: they begin anew with a new one. So it is with a seed.
 */
export async function prepareInitScripts(
  scriptDir: string | undefined,
  dataDir: string,
  postgresDir: string,
  hasSeed: boolean,
): Promise<InitScripts> {
  const unfinished = join(dataDir, 'init-scripts-unfinished')
  if (await exists(unfinished)) await rm(postgresDir, { recursive: true, force: true })
  const isFirst = !(await exists(postgresDir))
  const scripts = scriptDir === undefined || !isFirst ? [] : await listScripts(scriptDir)
  if (scripts.length > 0 || (isFirst && hasSeed)) await writeFile(unfinished, '')
  else await rm(unfinished, { force: true })
  return {
    isFirst,
    async run(proxy, admin, more) {
      for (const script of scripts) await runScript(script, proxy, admin)
      if (isFirst) await more()
      await rm(unfinished, { force: true })
    },
  }
}

async function listScripts(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).sort()
  return names.filter(name => extname(name) in RUNNERS).map(name => join(dir, name))
}

/** Its variables are libpq's, so that a bare psql in it reaches the proxy, and those that scripts for the public image use. */
async function runScript(script: string, { host, port }: Address, admin: Admin): Promise<void> {
  const [command, ...args] = RUNNERS[extname(script)] as readonly [string]
  const { user, database, password } = admin
  const others = Object.entries(process.env).filter(([variable]) => !variable.startsWith('PG'))
  const login = { PGUSER: user, PGDATABASE: database, ...(password && { PGPASSWORD: password }) }
  // All that it prints is for standard error, as the log is.
  const child = spawn(command, [...args, script], {
    stdio: ['ignore', process.stderr, process.stderr],
    env: {
      ...Object.fromEntries(others),
      PGHOST: host,
      PGPORT: String(port),
      ...login,
      POSTGRES_USER: user,
      POSTGRES_DB: database,
    },
  })
  const [status, signal] = await once(child, 'close').catch(error => {
    throw new Error(`${command} is needed to run ${script}`, { cause: error })
  })
  if (status !== 0) throw new Error(`the init script ${script} failed (${signal ?? `exit code ${status}`})`)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
