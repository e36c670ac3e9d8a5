import { spawnSync } from 'node:child_process'
import { describe } from 'vitest'

/** `describe`, but where a tool is missing that .ci/run installs, the tests are skipped, and it says so. */
export function describeWith(
  tool: string,
  command: string,
  args: readonly string[],
): typeof describe | typeof describe.skip {
  if (spawnSync(command, args, { stdio: 'ignore' }).status === 0) return describe
  console.warn(`Skipped: ${tool} is not installed`)
  return describe.skip
}
