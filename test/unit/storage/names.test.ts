import { describe, expect, it } from 'vitest'
import { checkAccountName, checkBlobPath, checkContainerName } from '../../../src/storage/names.ts'
import rules from '../../fixtures/rules.json' with { type: 'json' }

describe('checkAccountName', () => {
  it.each(rules.accountNames.right)('accepts %s', name => expect(() => checkAccountName(name)).not.toThrow())
  it.each(rules.accountNames.wrong)('refuses %j', name =>
    expect(() => checkAccountName(name)).toThrow(
      expect.objectContaining({ message: `azure_storage: invalid storage account name: ${name}`, code: '22023' }),
    ),
  )
})

describe('checkContainerName', () => {
  it.each(rules.containerNames.right)('accepts %s', name => expect(() => checkContainerName(name)).not.toThrow())
  it.each(rules.containerNames.wrong)('refuses %j', name =>
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
