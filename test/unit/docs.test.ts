import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

function importsOf(file: string): string[] {
  if (!file.endsWith('.ts')) return []
  const { importedFiles } = ts.preProcessFile(read(file))
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => join(dirname(file), fileName))
}

describe('The journeys in docs/architecture.md', () => {
  const text = read('docs/architecture.md')
  const lists = text
    .slice(text.indexOf('## Three journeys'), text.indexOf('## Where is'))
    .split(/^\*\*.*\*\*$/m)
    .slice(1)
    .map(list => Array.from(list.matchAll(/^\d+\. `([^`]+)`/gm), ([, file]) => file as string))

  it('are three', () => {
    expect(lists.map(({ length }) => length)).toEqual([19, 15, 14])
  })

  it.each(lists)('lead from file to file, by imports: %s …', (...files) => {
    const code = files.filter(file => file.endsWith('.ts'))
    const lost = code.filter((file, i) => i > 0 && !code.slice(0, i).some(before => importsOf(before).includes(file)))
    expect(lost).toEqual([])
    expect(files.filter(file => !existsSync(join(ROOT, file)))).toEqual([])
  })
})

it.each(['vitest', 'node'])('docs/testing.md quotes the example of %s', name => {
  expect(read('docs/testing.md')).toContain(`\`\`\`ts\n${read(`test/examples/orders.${name}.test.ts`)}\`\`\``)
})

const cellsOf = (row: string): number => row.replaceAll('\\|', '').split('|').length

describe.each(PAGES)('%s', page => {
  it('names only files that there are', () => {
    const named = Array.from(
      read(page).matchAll(/`((?:src|test|docs)\/[\w./-]+\.(?:ts|sql|md|json))`/g),
      ([, file]) => file as string,
    )
    expect(named.filter(file => !existsSync(join(ROOT, file)))).toEqual([])
  })

  it('links to pages that there are', () => {
    const links = Array.from(read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g), ([, link]) => link as string)
    expect(links.filter(link => !existsSync(join(ROOT, dirname(page), link)))).toEqual([])
  })

  it('has tables whose rows all have the cells of the first: a pipe within one is `\\|`', () => {
    const tables = read(page).match(/^(?:\|.*\n)+/gm) ?? []
    const uneven = tables.flatMap(table => {
      const [head = '', ...rows] = table.trimEnd().split('\n')
      return rows.filter(row => cellsOf(row) !== cellsOf(head))
    })
    expect(uneven).toEqual([])
  })
})

it('README is a page of at most 150 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150)
})
