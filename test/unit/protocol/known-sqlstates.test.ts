import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { isKnownSqlState } from '../../../src/protocol/known-sqlstates.ts'
import { postgresBinaries } from '../../support/own-postgres.ts'

it.each([15, 18] as const)('has every SQLSTATE of PostgreSQL %i', async version => {
  const { postgres } = await postgresBinaries(version)
  const text = await readFile(join(dirname(postgres), '../share/postgresql/errcodes.txt'), 'utf8')
  const codes = Array.from(text.matchAll(/^([0-9A-Z]{5}) +[EWS] /gm), ([, code]) => code as string)
  expect(codes.length).toBeGreaterThan(200)
  expect(codes.filter(code => !isKnownSqlState(code))).toEqual([])
})

it.each(['', 'AB123', '2201', '220120', '22012\n'])('and not %j', code => expect(isKnownSqlState(code)).toBe(false))
