import { expect, it } from 'vitest'
import { failed, look, psql } from '../../../src/doctor/finding.ts'
import { printFindings } from '../../../src/doctor/print.ts'

it('prints no control character of a name that somebody has chosen', () => {
  const name = 'a\n\x1b[2J\x9bb'
  const fix = { into: 'psql', database: name, command: `CREATE DATABASE "${name}";` } as const
  const printed = printFindings([{ check: `encoding of ${name}`, result: 'failed', reason: 'no', fix }], false)
  expect(printed).toBe(
    '✗ encoding of a [2J b: no\n    in psql, in database a [2J b:\n      CREATE DATABASE "a [2J b";\n',
  )
})

it('gives no command with control characters, to be pasted into a terminal', async () => {
  const { fix } = await look('encoding', async () => failed('no', psql('CREATE DATABASE "a\x03\n\\! touch hostile";')))
  expect(fix?.command).toBe('CREATE DATABASE "a \\! touch hostile";')
})
