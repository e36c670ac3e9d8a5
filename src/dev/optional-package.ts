import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

interface Manifest {
  /** An image of the proxy alone has none. */
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * The path of a file in a package that this stack alone needs, and that an installation may lack; `from` is a file of
 * the package that brings it along.
 *
 * @throws one line that says what to install
 */
export function resolveOptional(specifier: string, from: string = import.meta.url, owner?: string): string {
  try {
    return createRequire(from).resolve(specifier)
  } catch {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    const version = versionOf(owner ?? name)
    const what = version === undefined ? name : `${name}@${version}`
    throw new Error(`blobgres dev needs the npm package ${name}, which is not installed: npm install ${what}`)
  }
}

/** That we were tested with. */
function versionOf(name: string): string | undefined {
  const manifest: Manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.optionalDependencies?.[name]
}
