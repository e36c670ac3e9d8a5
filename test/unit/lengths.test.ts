import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const MAX_FILE_LINES = 300
const MAX_FUNCTION_LINES = 60

const SRC = join(import.meta.dirname, '../../src')
const SOURCES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => ts.createSourceFile(name, readFileSync(join(SRC, name), 'utf8'), ts.ScriptTarget.Latest, true))

const lineAt = (source: ts.SourceFile, position: number): number =>
  source.getLineAndCharacterOfPosition(position).line + 1

test(`no file has more than ${MAX_FILE_LINES} lines`, () => {
  const long = SOURCES.filter(source => source.text.trimEnd().split('\n').length > MAX_FILE_LINES)
  expect(long.map(({ fileName }) => fileName)).toEqual([])
})

test(`no function has more than ${MAX_FUNCTION_LINES} lines`, () => {
  const long: string[] = []
  for (const source of SOURCES) {
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) {
        const first = lineAt(source, node.getStart())
        const lines = lineAt(source, node.end) - first + 1
        if (lines > MAX_FUNCTION_LINES) long.push(`${source.fileName}:${first} has ${lines}`)
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  expect(long).toEqual([])
})
