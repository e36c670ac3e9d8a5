import { serialize } from 'pg-protocol'
import { describe, expect, test } from 'vitest'
import { rewriteSecrets } from '../../../src/sql/account-secrets.ts'
import { classify } from '../../../src/sql/classify.ts'
import { sealConfig } from '../../../src/sql/credential-config.ts'
import { withEscapeStrings } from '../../../src/sql/escape-strings.ts'
import { Rewrite } from '../../../src/sql/rewrite.ts'
import { mayBeOurs } from '../../../src/sql/scan.ts'
import { sealParameters } from '../../../src/statements/seal-parameters.ts'

/*
 * Steps that are not of a thread's, and what PostgreSQL's lexer reads in a time that does not grow faster than the text:
 * were one of them quadratic, it would take minutes, and its test's time would be over.
 */
const MEBIBYTE = 1024 * 1024
const settings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}
const fill = (unit: string, length = MEBIBYTE): string => unit.repeat(Math.ceil(length / unit.length))

describe('linear is', () => {
  test.each(['copy', 'cop', "copy' ", "'", 'u&', '://', 'extension', 'account_ad', ' ', '\n', '&'])(
    'the first look at %j',
    unit => {
      const text = `copy ' extension ${fill(unit, 16 * MEBIBYTE)}`
      expect(typeof mayBeOurs(text)).toBe('boolean')
    },
  )

  test.each(["'a'\n ", "'a' \n ", '\n ', "'", '$a', '$a$', '/*', '--', "e'\\", '"'])(
    'the look for escapes in %j',
    unit => {
      const rewritten = withEscapeStrings(`SELECT '\\\\' ${fill(unit)}`)
      expect(rewritten === undefined || rewritten.text.length >= MEBIBYTE).toBe(true)
    },
  )

  test.each(['account_add ', 'account_add"', 'sig=', 'account_add sig='])(
    'the look for secrets in an open text of %j',
    unit => {
      const text = `SELECT ${fill(unit)} $x$`
      const [statement] = classify(text, settings) ?? []
      expect(statement?.kind).toBe('with-secrets')
    },
  )

  test('the look for constants and parameters of a call', () => {
    const parts = fill(`,'{"credentials" 1}',$1`, MEBIBYTE / 16)
    expect(classify(`SELECT account_add('a', $1 ${parts})`, settings)?.map(({ kind }) => kind)).toEqual(['refuse'])
  })

  test('the origin of what is built out of many pieces', () => {
    const text = fill('a;')
    const rewrite = new Rewrite(text)
    for (let i = 0; i < 10_000; i++) rewrite.append(new Rewrite(text).keep(2 * i, 2 * i + 1).put('--', 2 * i))
    expect(rewrite.originOf(rewrite.text.length - 3)).toBe(2 * 9999)
  })
})

describe('only so much is sealed', () => {
  let sealed = 0
  const seal = (): string => `<${++sealed}>`

  test('of a configuration', () => {
    sealed = 0
    expect(sealConfig(`{"name":"acct","a":[${fill('"KEY",', 1000)}"KEY"]}`, seal)).not.toContain('KEY')
    expect(sealed).toBeLessThan(100)
  })

  test('of a parameter', () => {
    const bind = { portal: '', statement: '', values: ['acct', fill('é1')] }
    const bytes = serialize.bind(bind)
    const source = { parameter: 2 }
    const secrets = [{ form: 'credential', source, account: { parameter: 1 } }] as const
    const result = sealParameters({ code: bytes[0] as number, bytes }, secrets, 'UTF8', seal).toString()
    expect(result).toContain('***')
    expect(result.length).toBeLessThan(100)
  })

  test('of a text', () => {
    const statements = classify(fill("SELECT account_add('acct', 'KEY');", 100_000), settings)
    expect(statements).toMatchObject([{ kind: 'refuse', error: { code: '54001' }, isUnread: true }])
    const [long] = classify(`SELECT account_add('acct', '${fill('KEY')}')`, settings) ?? []
    if (long?.kind !== 'with-secrets') throw new Error('no secrets')
    expect(rewriteSecrets(long, long.secrets, `SELECT account_add('acct', '${fill('KEY')}')`, seal).text).toBe(
      "SELECT account_add('acct', '***')",
    )
  })
})

test('of many statements of ours none is run, and of many others only their number is told', () => {
  const copy = "COPY t FROM 'https://acct.blob.core.windows.net/box/a.csv';"
  expect(classify(copy.repeat(1000), settings)).toHaveLength(1000)
  expect(classify(copy.repeat(1001), settings)).toMatchObject([{ kind: 'refuse', error: { code: '54001' } }])
  expect(classify(`COPY t (${'a,'.repeat(10_001)} a) ${copy.slice(7)}`, settings)).toMatchObject([{ kind: 'refuse' }])
  const statements = classify(fill('a;', 100_000) + copy, settings)
  expect(statements?.map(each => (each.kind === 'pass' ? each.count : each.kind))).toEqual([50_000, 'copy'])
})
