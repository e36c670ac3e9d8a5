import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { account } from './blobs.ts'
import type { CopyStack } from './copy-stack.ts'

const run = promisify(execFile)

/** A little before the test's, so that one sees how far it came. */
const TIMEOUT_MS = 25_000

/**
 * Runs a client program of test/clients: its ordinary work, directly and through the proxy, must print the same lines.
 * Returns those of its azure_storage work.
 */
export async function runClient(stack: CopyStack, command: string, ...args: readonly string[]): Promise<string[]> {
  const container = [account.name, stack.container.containerName, stack.blobUrl('').replace(/\/$/, '')]
  const { stdout } = await run(command, [...args, stack.database.url, stack.url(), ...container], {
    timeout: TIMEOUT_MS,
  }).catch(({ code, stdout, stderr }) => {
    throw new Error(`${args[0]} ended with ${code}; it printed\n${stdout}${stderr}`)
  })
  const [direct, proxied, azure] = stdout.split('---\n')
  expect(direct?.split('\n').length).toBeGreaterThan(5)
  expect(proxied).toBe(direct)
  return (azure ?? '').trimEnd().split('\n')
}
