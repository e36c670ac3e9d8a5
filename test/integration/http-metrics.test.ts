import { execFileSync, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf } from '../support/copy-stack.ts'
import { ask, type HttpStack, startHttpStack } from '../support/http.ts'
import { servers } from '../support/servers.ts'
import { needTool } from '../support/tools.ts'

const DOCS = join(import.meta.dirname, '../../docs')
const doc = (name: string): Promise<string> => readFile(join(DOCS, name), 'utf8')

describe('Metrics', () => {
  let stack: HttpStack
  let text: string
  let names: Set<string>

  beforeAll(async () => {
    stack = await startHttpStack(servers[1] as (typeof servers)[number])
    await stack.client.query('CREATE TABLE t (a int)')
    await stack.client.query(`COPY t TO '${stack.blobUrl('t.csv')}'`)
    await errorOf(stack.client.query('SELECT 1 / 0'))
    text = (await ask(`${stack.origin}/metrics`)).body
    names = new Set(Array.from(text.matchAll(/^(blobgres_\w+)/gm), ([, name]) => name as string))
  })
  afterAll(() => stack.close())

  it('have all that the dashboard asks for', async () => {
    const dashboard = JSON.parse(await doc('monitoring/grafana-dashboard.json'))
    const queries: string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.map(({ expr }) => expr),
    )
    expect(queries.length).toBeGreaterThan(10)
    for (const query of [...queries, dashboard.templating.list[1].query.query]) {
      const asked = query.match(/\bblobgres_\w+/g) ?? []
      expect(asked).not.toEqual([])
      expect(asked.filter((name: string) => !names.has(name))).toEqual([])
    }
  })

  it('are those that the docs tell of', async () => {
    const told = Array.from((await doc('monitoring.md')).matchAll(/`(blobgres_\w+)`/g), ([, name]) => name as string)
    const isOfOneProcess = (name: string): boolean => !name.startsWith('blobgres_workers')
    expect(told.filter(name => isOfOneProcess(name) && !names.has(name) && !names.has(`${name}_count`))).toEqual([])
    const types = Array.from(text.matchAll(/^# TYPE (blobgres_\w+)/gm), ([, name]) => name as string)
    expect(types.filter(name => !/_(?:nodejs|process)_/.test(name) && !told.includes(name))).toEqual([])
  })

  it('are what Prometheus wants', () => {
    needTool('promtool')
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    execFileSync('promtool', ['check', 'config', join(DOCS, 'monitoring/prometheus.yml')])
  })
})
