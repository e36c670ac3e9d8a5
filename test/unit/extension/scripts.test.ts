import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const dir = new URL('../../../src/extension/', import.meta.url)
const scripts = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.sql'))

test.each(scripts)('%s suits every database and session: ASCII without backslashes', name => {
  expect(readFileSync(new URL(name, dir), 'utf8')).toMatch(/^[\n -[\]-~]+$/)
})
