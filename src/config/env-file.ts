import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { Environment } from './usual-variables.ts'
import { ConfigError } from './values.ts'

/** The variables of the file `.env` in the working directory; none where there is no such file. @throws ConfigError */
export function readEnvFile(path = '.env'): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8')) as Environment
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EISDIR') return {}
    throw new ConfigError(`cannot read ${path} (${code})`)
  }
}
