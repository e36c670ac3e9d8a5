import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The names of what is in use for Parquet in a folder for temporary files: those in the folder of this process. */
export function namesIn(tempDir: string): string[] {
  const folders = readdirSync(tempDir)
  const names = folders.flatMap(folder => readdirSync(join(tempDir, folder)))
  return names.filter(name => name !== 'alive' && !name.startsWith('spare-'))
}
