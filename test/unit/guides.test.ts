import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type Answered, type Invocation, parseCommandLine } from '../../src/config/command-line.ts'
import { OPTIONS, variableOf } from '../../src/config/options.ts'
import type { Address } from '../../src/config/values.ts'
import { accessTo } from '../../src/dev/access.ts'
import { SAMPLE_ACCOUNT } from '../../src/dev/samples.ts'
import { docBlock, docBlocks } from '../support/doc-blocks.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = [
  'README.md',
  'docs/docker.md',
  'docs/operating.md',
  ...readdirSync(join(ROOT, 'docs/guides')).map(name => `docs/guides/${name}`),
]
/** Images that others publish, or that docs/docker.md builds. */
const IMAGES = [
  /^(registry\.example\/)?blobgres(:dev)?$/,
  /^postgres:18$/,
  /^mcr\.microsoft\.com\/devcontainers\/typescript-node:24$/,
]

/** The words behind `blobgres` in shell commands, up to what is the shell's. */
function commandLines(text: string): string[][] {
  const commands = text
    .replaceAll('\\\n', ' ')
    .matchAll(/(?:^|npx |=\S* |until |[|(] *)blobgres ([a-z](?:[^\n|><;&)#]*?))(?= *(?:…|\d?>|[\n|;&)#]|$))/gm)
  return Array.from(commands, ([, words = '']) =>
    Array.from(words.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), ([, a, b, c]) => (a ?? b ?? c) as string),
  )
}

const parse = (words: readonly string[]): Invocation | Answered => parseCommandLine(words, '')

describe.each(PAGES)('%s', page => {
  it('has commands that there are, with options that they take', () => {
    for (const words of [...docBlocks(page, 'sh'), ...docBlocks(page, 'yaml')].flatMap(commandLines)) {
      expect(parse(words), words.join(' ')).toHaveProperty('command')
    }
  })

  it('names variables that there are', () => {
    const variables = Object.values(OPTIONS).map(variableOf)
    const named = readFileSync(join(ROOT, page), 'utf8').match(/\bBLOBGRES_[A-Z_]+[A-Z]\b/g) ?? []
    expect(named.filter(name => name !== 'BLOBGRES_PORT' && !variables.includes(name))).toEqual([])
  })

  it('has YAML and JSON that can be read, and images that there are', () => {
    for (const text of docBlocks(page, 'json')) JSON.parse(text)
    for (const text of docBlocks(page, 'yaml')) {
      for (const document of parseAllDocuments(text)) expect(document.errors).toEqual([])
      for (const [, image = ''] of text.matchAll(/\bimage: (\S+)/g)) {
        expect(
          IMAGES.some(known => known.test(image)),
          image,
        ).toBe(true)
      }
    }
  })
})

it('the list of guides has all of them', () => {
  const list = readFileSync(join(ROOT, 'docs/guides/README.md'), 'utf8')
  const guides = readdirSync(join(ROOT, 'docs/guides')).filter(name => name !== 'README.md')
  expect(guides.filter(name => !list.includes(`](${name})`))).toEqual([])
})

it('the guide to tools has the addresses of a stack with its defaults', () => {
  const admin = { user: OPTIONS.adminUser.default, database: OPTIONS.databaseName.default, password: undefined }
  const [proxy, storage] = [5433, 10_000].map(port => ({ host: '127.0.0.1', port })) as [Address, Address]
  expect(OPTIONS.listen.default).toBe(`${proxy.host}:${proxy.port}`)
  const access = accessTo(proxy, storage, [SAMPLE_ACCOUNT], SAMPLE_ACCOUNT, admin)
  const page = 'docs/guides/tools.md'
  expect(docBlocks(page, 'text')).toEqual([`${access.storageConnectionString}\n`])
  const { Host, Port, MaintenanceDB, Username } = JSON.parse(docBlock(page, 'json')).Servers['1']
  expect(`postgres://${Username}@${Host}:${Port}/${MaintenanceDB}`).toBe(access.connectionUri)
  const [, jdbc] = /`jdbc:(\S+)`/.exec(readFileSync(join(ROOT, page), 'utf8')) ?? []
  expect(jdbc).toBe(`postgresql://${Host}:${Port}/${MaintenanceDB}?user=${Username}`)
})
