import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { psql } from './psql.ts'

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const [, SECTION = ''] = /^## A first session$([\s\S]*?)^## /m.exec(README) ?? []
const [, CONSOLE = ''] = /```console\n([\s\S]*?)```/.exec(SECTION) ?? []
const PROMPT = /^\w+=[#>] /m

/** The user and the database of README's psql, at another address. */
export function readmeUrl(host: string, port: number): string {
  const [, user, database] = /^\$ psql -h 127\.0\.0\.1 -p 5433 -U (\S+) (\S+)$/m.exec(CONSOLE) ?? []
  return `postgres://${user}@${host}:${port}/${database}`
}

/** Runs README's first session against a server that has it before it, and compares what psql prints with what README shows. */
export async function expectReadmeSession(url: string, password?: string): Promise<void> {
  const target = { url, ...(password && { password }) }
  const [, ...exchanges] = CONSOLE.split(PROMPT)
  expect(exchanges.length).toBeGreaterThan(3)
  for (const exchange of exchanges) {
    const [statement = '', ...shown] = exchange.trimEnd().split('\n')
    const { stdout, stderr } = await psql(target, ['-c', statement])
    expect(linesOf(stdout + stderr), statement).toEqual(shown.map(line => orAnything(line.trimEnd())))
  }
  const statements = Array.from(SECTION.matchAll(/```sql\n([\s\S]*?)```/g), ([, sql]) => sql as string)
  expect(statements.length).toBeGreaterThan(1)
  expect(await psql(target, statements.join('\n'))).toMatchObject({ status: 0, stderr: '' })
}

function linesOf(output: string): string[] {
  const lines = output.trimEnd().split('\n')
  return lines.map(line => line.trimEnd())
}

/** README shows "…" for what differs from run to run. */
function orAnything(line: string): unknown {
  if (!line.includes('…')) return line
  return expect.stringMatching(new RegExp(`^${line.split('…').map(quoted).join('.+')}$`))
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
