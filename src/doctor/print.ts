import { oneLine } from '../one-line.ts'
import type { Finding, Fix } from './finding.ts'

const MARKS = { ok: '✓', failed: '✗', untried: '–' } as const

/** One line each, and below it what to paste; or JSON for programs. */
export function printFindings(findings: readonly Finding[], asJson: boolean): string {
  if (!asJson) return `${findings.map(printFinding).join('\n')}\n`
  const isOk = findings.every(({ result }) => result !== 'failed')
  return `${JSON.stringify({ ok: isOk, checks: findings }, undefined, 2)}\n`
}

function printFinding({ check, result, reason, fix, advice }: Finding): string {
  const words = result === 'untried' ? `not tried: ${reason}` : reason
  const lines = [`${MARKS[result]} ${oneLine(check)}: ${words}`]
  if (advice !== undefined) lines.push(`    ${advice}`)
  if (fix !== undefined) lines.push(`    ${introduced(fix)}`, `      ${oneLine(fix.command)}`)
  return lines.join('\n')
}

const introduced = ({ into, database }: Fix): string =>
  into === 'shell' ? 'in a shell:' : `in psql${database === undefined ? '' : `, in database ${oneLine(database)}`}:`
