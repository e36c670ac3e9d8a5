import { parseCommandLine } from '../../src/config/command-line.ts'
import { type Config, readConfig } from '../../src/config/config.ts'
import type { Environment } from '../../src/config/read-options.ts'

/** The configuration that `blobgres serve` has from a command line and environments, the first of which wins. */
export function serveConfig(argv: readonly string[], ...environments: readonly Environment[]): Config {
  const asked = parseCommandLine(['serve', ...argv], '0')
  if ('status' in asked) throw new Error('it was answered by text')
  return readConfig(asked.flags, ...environments)
}
