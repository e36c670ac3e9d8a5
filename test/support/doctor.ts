import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Config } from '../../src/config/config.ts'
import { examine } from '../../src/doctor/doctor.ts'
import type { Finding } from '../../src/doctor/finding.ts'

/** What the doctor finds out about one thing. */
export async function findingOf(config: Config, check: string): Promise<Finding> {
  const findings = await examine(config)
  const finding = findings.find(each => each.check === check)
  if (finding === undefined) throw new Error(`no ${check} among ${findings.map(each => each.check).join(', ')}`)
  return finding
}

/** The command that mends it, for a shell or for psql. */
export function fixOf({ fix, reason }: Finding, into: 'shell' | 'psql'): string {
  if (fix?.into !== into) throw new Error(`nothing to paste: ${reason}`)
  return fix.command
}

/** Pastes a fix into a shell; resolves to what it has exported under that name. */
export async function pasteIntoShell(finding: Finding, variable = 'HOME', cwd?: string): Promise<string> {
  const script = `${fixOf(finding, 'shell')}\nprintf %s "$${variable}"`
  const { stdout } = await promisify(execFile)('bash', ['-euc', script], { ...(cwd !== undefined && { cwd }) })
  return stdout
}
