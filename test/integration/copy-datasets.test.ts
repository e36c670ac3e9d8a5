import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data')
const FILES = (await readdir(FOLDER)).filter(name => /\.[ct]sv$/.test(name))

describe.each(servers)('published data on PostgreSQL $version', server => {
  let stack: CopyStack
  beforeAll(async () => {
    stack = await startCopyStack(server)
  })
  afterAll(() => stack.close())

  it('a blob gives the rows that \\copy gives of the file', async () => {
    const script: string[] = []
    for (const name of FILES) {
      const bytes = await readFile(join(FOLDER, name))
      await stack.put(name, bytes)
      await stack.put(`${name}.gz`, gzipSync(bytes, { level: 1 }))
      const tsv = name.endsWith('.tsv')
      const [header] = parse(bytes.subarray(0, 10_000).toString().split('\n')[0] ?? '', {
        delimiter: tsv ? '\t' : ',',
        bom: true,
      })
      const columns = (header as string[]).map((_, i) => `c${i} text`).join(', ')
      const options = `(FORMAT ${tsv ? 'text' : 'csv'}, HEADER)`
      script.push(
        `CREATE TEMP TABLE f (${columns}); CREATE TEMP TABLE b (LIKE f); CREATE TEMP TABLE z (LIKE f);`,
        `\\copy f FROM '${join(FOLDER, name)}' WITH ${options}`,
        `COPY b FROM '${stack.blobUrl(name)}' WITH (HEADER);`,
        `COPY z FROM '${stack.blobUrl(`${name}.gz`)}' WITH (HEADER);`,
        `SELECT '${name}', ${['f', 'b', 'z'].map(t => `(SELECT md5(string_agg(r::text, ';' ORDER BY ctid)) FROM (SELECT ctid, ${t} AS r FROM ${t}) _)`).join(', ')};`,
        'DROP TABLE f, b, z;',
      )
    }
    const { stdout, stderr } = await psql(stack.url(), script.join('\n'))
    expect(stderr).toBe('')
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => line.split('|'))
    expect(lines.map(([name]) => name)).toEqual(FILES)
    for (const [name, file, blob, gzipped] of lines)
      expect([name, file?.length, blob, gzipped]).toEqual([name, 32, file, file])
  })
})
