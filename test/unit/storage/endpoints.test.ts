import { expect, it } from 'vitest'
import { endpointFor } from '../../../src/storage/endpoints.ts'

const endpoints = {
  defaultTemplate: 'http://127.0.0.1:10000/{account}/',
  accounts: new Map([['special', 'https://special.example.com/']]),
}

it('puts the account into the template', () => {
  expect(endpointFor(endpoints, 'acct')).toBe('http://127.0.0.1:10000/acct')
})

it("prefers the account's own endpoint", () => {
  expect(endpointFor(endpoints, 'special')).toBe('https://special.example.com')
})
