import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'
import { startTamperedAnswers, type TamperedAnswers } from '../support/tampered-answers.ts'

/** XML has no form for some, needs one by number for others, and knows its own signs. */
const NAMES = [
  'a\u0001b.csv',
  '\u000bz',
  'c\u001fd',
  'e\tf',
  'g\nh',
  'i\rj',
  'k\ufffel',
  'm&<>"\'n',
  '&#13;',
  'o%01p',
  '😀',
]

describe.each(servers)('blob_list of odd names on PostgreSQL $version', server => {
  let storage: TamperedAnswers
  let change = (xml: string): string => xml
  let stack: CopyStack
  beforeAll(async () => {
    storage = await startTamperedAnswers(() => (response, { headers: { 'content-length': _, ...headers }, body }) => {
      response.writeHead(200, headers)
      response.end(change(String(body)))
    })
    stack = await startCopyStack(server)
    for (const name of NAMES) await stack.put(name, '1\n')
  })
  afterAll(async () => {
    await stack.close()
    await storage.close()
  })

  const list = (from: CopyStack, prefix = '') =>
    from.client.query('SELECT path FROM azure_storage.blob_list($1, $2, $3)', [
      account.name,
      stack.container.containerName,
      prefix,
    ])

  test('has them all as they are, and each is read by its name', async () => {
    const { rows } = await list(stack)
    expect(rows.map(({ path }) => path).sort()).toEqual([...NAMES].sort())
    for (const name of NAMES) {
      expect((await list(stack, name)).rows).toEqual([{ path: name }])
      const { rows } = await stack.client.query(
        "SELECT * FROM azure_storage.blob_get($1, $2, $3, 'csv') AS t (a int)",
        [account.name, stack.container.containerName, name],
      )
      expect(rows).toEqual([{ a: 1 }])
    }
  })

  test('takes every form that a service may write one in', async () => {
    const scripted = await startCopyStack(server, {
      storageEndpoints: { defaultTemplate: storage.endpointTemplate, accounts: new Map() },
    })
    try {
      for (const [form, path] of [
        ['<Name Encoded="true">x%01%EF%BF%BE%20y%2Fz</Name>', 'x\u0001\ufffe y/z'],
        ['<Name>x\u0001y</Name>', 'x\u0001y'],
        ['<Name>x&#xD;&#10;&amp;#13;&lt;y</Name>', 'x\r\n&#13;<y'],
      ] as const) {
        change = xml => xml.replaceAll(/<Name>e\tf<\/Name>/g, form)
        expect((await list(scripted, 'e\t')).rows).toEqual([{ path }])
      }
    } finally {
      await scripted.close()
    }
  })
})
