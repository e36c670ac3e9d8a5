import { expect, test } from 'vitest'
import { formatVersion, parseVersion, readScripts } from '../../../src/extension/scripts.ts'

test('a version is read as it was written', async () => {
  const { version, migrations } = await readScripts()
  expect(parseVersion(formatVersion(version))).toEqual(version)
  expect(version.number).toBe(migrations.at(-1)?.number)
})

test.each([null, '', 'mine', 'blobgres schema x, functions 00', 'blobgres schema 12345678901, functions 00'])(
  'a schema with the comment %j is the first',
  comment => {
    expect(parseVersion(comment)).toEqual({ number: 1, functions: '' })
  },
)
