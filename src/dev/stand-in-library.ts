import { access, mkdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PostgresBinaries } from './postgres.ts'

const SUFFIX = process.platform === 'darwin' ? '.dylib' : '.so'

/**
 * Azure's servers load the library of the extension when they start, and their settings say so. Ours has none: one of
 * PostgreSQL's own, which does nothing when it is loaded, stands under its name in `dir`. The settings that load it; none
 * where PostgreSQL's libraries are elsewhere.
 */
export async function preloadStandIn(binaries: PostgresBinaries, dir: string): Promise<Record<string, string>> {
  const library = join(dirname(binaries.postgres), '..', 'lib', 'postgresql', `dict_snowball${SUFFIX}`)
  const link = join(dir, `azure_storage${SUFFIX}`)
  try {
    await access(library)
  } catch {
    return {}
  }
  await mkdir(dir, { recursive: true })
  await rm(link, { force: true })
  await symlink(library, link)
  return { dynamic_library_path: `${dir}:$libdir`, shared_preload_libraries: 'azure_storage' }
}
