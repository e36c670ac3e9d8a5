import { describe, expect, it } from 'vitest'
import { classify } from '../../../src/sql/classify.ts'
import { planCopy } from '../../../src/sql/copy-plan.ts'
import { packStatements, unpackStatements } from '../../../src/sql/statement-message.ts'
import { conceal } from '../../../src/statements/conceal.ts'

const URL = 'https://acct.blob.core.windows.net/box/a.csv'
const BAD = 'https://acct.blob.core.windows.net/box/bad.csv'
const settings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
  serverMajorVersion: 18,
}

describe('the signature of a rejected URL', () => {
  it.each([
    `ON_ERROR ignore, REJECTED '${BAD}?sig=SECRET'`,
    `REJECTED '${BAD}?sig=SECRET', ON_ERROR ignore, HEADER`,
    `"rejected" E'${BAD}\\x3fsig=SECRET'`,
    `REJECTED U&'${BAD}!003fsig=SECRET' UESCAPE '!', ON_ERROR ignore`,
    `REJECTED $$${BAD}?sig=SECRET$$, FREEZE`,
    `REJECTED ('a', '${BAD}?sig=SECRET'), ON_ERROR ignore`,
    `REJECTED "https://h/c/b?sig=SECRET", ON_ERROR ignore`,
    `REJECTED '${BAD}?sig=SECRET', REJECTED '${BAD}?sig=SECRET'`,
    `ON_ERROR ignore, REJECTED 'nowhere/bad.csv?sig=SECRET'`,
    `ON_ERROR ignore, REJECTED 'https://user:SECRET@host/a'`,
    `ON_ERROR nothing, REJECTED '${BAD}?sig=SECRET'`,
  ])('is nowhere in what the server gets to see: (%s)', options => {
    for (const [direction, url] of [
      ['FROM', URL],
      ['FROM', `${URL}?sig=SECRET`],
      ['TO', URL],
      ['FROM', 'https://nowhere.example/a.csv'],
    ]) {
      const text = `SELECT 1; COPY t (a, "b") ${direction} '${url}' WITH (${options}); SELECT 2`
      const statements = classify(text, settings) ?? []
      const shown = conceal(text, statements, () => '').text
      expect(shown).not.toContain('SECRET')
      expect(shown).toMatch(/redacted|host\/a/)
      expect(classify(shown, settings)).toBeDefined()
      for (const statement of statements) {
        expect(JSON.stringify(statement)).not.toContain('SECRET')
        if (statement.kind === 'copy')
          expect(JSON.stringify(planCopy(statement.copy, text, 'UTF8'))).not.toContain('SECRET')
      }
    }
  })

  it.each(['COPY t FROM STDIN', "COPY t FROM '/tmp/a.csv'", "COPY t TO PROGRAM 'cat'", 'COPY (SELECT 1) TO STDOUT'])(
    'is nowhere where there is no other URL: %s',
    copy => {
      const text = `${copy} WITH (REJECTED '${BAD}?sig=SECRET', HEADER)`
      const shown = conceal(text, classify(text, settings) ?? [], () => '').text
      expect(shown).toBe(`${copy} WITH (REJECTED '***', HEADER)`)
      expect(classify(`${copy} (HEADER) /* :// */`, settings)).toBeUndefined()
    },
  )

  it('comes from a thread, and is hidden again', () => {
    const text = `COPY t FROM '${URL}' (ON_ERROR ignore, REJECTED '${BAD}?sig=SECRET')`
    const sent = structuredClone(packStatements(classify(text, settings)))
    const [statement] = unpackStatements(sent) ?? []
    expect(statement).toMatchObject({ copy: { rejected: { path: 'bad.csv', redacted: `${BAD}?<redacted>` } } })
    expect(statement?.kind === 'copy' && statement.copy.rejected?.sas).toBe('sig=SECRET')
    expect(JSON.stringify(statement)).not.toContain('SECRET')
  })
})
