import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

/** A blob's name, and ways to write it in a URL in SQL. */
const NAMES: [string, ...string[]][] = [
  ['100%.csv', '100%25.csv'],
  ['who?.csv', 'who%3F.csv'],
  ['a#b.csv', 'a#b.csv', 'a%23b.csv'],
  ['a b.csv', 'a b.csv', 'a%20b.csv'],
  ['a+b.csv', 'a+b.csv', 'a%2Bb.csv'],
  ['ünï/日本.csv', 'ünï/日本.csv', '%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC.csv'],
  ['😀.csv', '😀.csv'],
  ["it's.csv", "it''s.csv", 'it%27s.csv'],
  ['a//b.csv', 'a//b.csv'],
  ['deep/er/and/deeper.csv', 'deep/er/and/deeper.csv', 'deep%2Fer/and/deeper.csv'],
  ['$root.csv', '$root.csv'],
  ['*/ x /*.csv', '*/ x /*.csv'],
  ['-- x.csv', '-- x.csv'],
  ['a;b=c&d@e:f,(g)[h]{i}|~^`!.csv', 'a;b=c&d@e:f,(g)[h]{i}|~^`!.csv'],
  ['"quoted".csv', '"quoted".csv'],
  ['%25.csv', '%2525.csv'],
  [`${'n'.repeat(1020)}.csv`, `${'n'.repeat(1020)}.csv`],
]

describe.each(servers)('names of blobs on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
    await stack.client.query('CREATE TABLE names (name text)')
  })
  afterAll(() => stack.close())

  it('are written and read as they are', async () => {
    const { client, blobUrl } = stack
    for (const [name, ...spellings] of NAMES) {
      for (const spelling of spellings) {
        await client.query('TRUNCATE names')
        await client.query('INSERT INTO names VALUES ($1)', [spelling])
        await client.query(`COPY names TO '${blobUrl(spelling)}' (FORMAT tsv)`)
        expect(await stack.get(name)).toContain(spelling.slice(0, 5))
        await client.query(`COPY names FROM '${blobUrl(spelling)}' (FORMAT tsv)`)
        expect((await client.query('SELECT name FROM names')).rows).toEqual([{ name: spelling }, { name: spelling }])
      }
    }
    const listed: string[] = []
    for await (const { name } of stack.container.listBlobsFlat()) listed.push(name)
    expect(listed.sort()).toEqual(NAMES.map(([name]) => name).sort())
  })

  it('are read in every way to write a literal', async () => {
    const { client } = stack
    const url = await stack.put('é 中.csv', 'here\n')
    const escaped = url.replace('é 中', '\\00e9 \\4e2d')
    for (const literal of [
      `E'${url.replace('://', ':\\x2f\\u002f')}'`,
      `e'${url.replace('é 中', '\\u00e9 \\u4e2d')}'`,
      `U&'${escaped}'`,
      `u&'${escaped.replaceAll('\\', '!')}' UESCAPE '!'`,
      `$$${url}$$`,
      `$ü$${url}$ü$`,
      `'${url.slice(0, 20)}'\n  '${url.slice(20)}'`,
    ]) {
      await client.query('TRUNCATE names')
      const { rowCount } = await client.query(`COPY names FROM ${literal} WITH (FORMAT csv) WHERE name <> ''`)
      expect([literal, rowCount]).toEqual([literal, 1])
    }
  })
})
