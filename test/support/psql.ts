import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { needTool } from './tools.ts'

export interface PsqlTarget {
  readonly url: string
  readonly password?: string
  /** Further environment, e.g. PGSSLMODE or PGOPTIONS. */
  readonly env?: Readonly<Record<string, string>>
}

export interface PsqlResult {
  readonly stdout: string
  readonly stderr: string
  /** psql's exit code: 3 is an error in a script under ON_ERROR_STOP; null if it hung. */
  readonly status: number | null
}

/** Ends a psql that hangs a little before the test does, so that the test sees how far it came. */
const TIMEOUT_MS = 25_000

/**
 * Runs psql without start-up file. A string is a script, read from standard input and stopped at its first error;
 * an array is psql's arguments as they are. Where there is no psql, the test is skipped.
 */
export async function psql(target: string | PsqlTarget, input: string | readonly string[]): Promise<PsqlResult> {
  needTool('psql')
  const { url, password, env } = typeof target === 'string' ? { url: target } : target
  const args = typeof input === 'string' ? ['-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-'] : input
  const child = spawn('psql', ['-X', '-d', url, ...args], {
    timeout: TIMEOUT_MS,
    env: { ...process.env, PGCONNECT_TIMEOUT: '10', ...(password && { PGPASSWORD: password }), ...env },
  })
  child.stdin.on('error', () => {}) // psql may end before it has read its input; its exit code tells the story
  child.stdin.end(typeof input === 'string' ? input : '')
  const exit = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const [status, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  return { stdout, stderr, status }
}
