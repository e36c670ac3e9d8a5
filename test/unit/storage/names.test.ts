import { describe, expect, it } from 'vitest'
import { checkAccountName, checkBlobPath, checkContainerName } from '../../../src/storage/names.ts'

describe('checkAccountName', () => {
  it.each(['abc', 'a1b2c3', '123', 'a'.repeat(24)])('accepts %s', name =>
    expect(() => checkAccountName(name)).not.toThrow(),
  )
  it.each(['', 'ab', 'a'.repeat(25), 'Abc', 'a-b', 'a_b', 'abc\n', 'äbc'])('refuses %j', name =>
    expect(() => checkAccountName(name)).toThrow(
      expect.objectContaining({ message: `azure_storage: invalid storage account name: ${name}`, code: '22023' }),
    ),
  )
})

describe('checkContainerName', () => {
  it.each(['abc', 'a-b', '0-1-2', 'a'.repeat(63), '$root', '$web', '$logs'])('accepts %s', name =>
    expect(() => checkContainerName(name)).not.toThrow(),
  )
  it.each(['', 'ab', 'a'.repeat(64), 'Abc', '-ab', 'ab-', 'a--b', 'a_b', '$other', 'abc\n', 'a/b'])(
    'refuses %j',
    name =>
      expect(() => checkContainerName(name)).toThrow(
        expect.objectContaining({ message: `azure_storage: invalid container name: ${name}`, code: '22023' }),
      ),
  )
})

describe('checkBlobPath', () => {
  it.each(['a', 'a//b', '/a', '...', 'a/.b', 'a..b', 'n'.repeat(1024)])('accepts %s', path =>
    expect(() => checkBlobPath(path)).not.toThrow(),
  )
  it.each(['', '.', 'a/../b', './a', 'a/..', 'n'.repeat(1025)])('refuses %j', path =>
    expect(() => checkBlobPath(path)).toThrow(
      expect.objectContaining({ message: 'azure_storage: invalid blob name', code: '22023' }),
    ),
  )
})
