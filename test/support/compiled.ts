import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { CompilerOptions } from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Where packages are found as from the sources. */
const FOLDER = join(ROOT, 'node_modules/.cache/blobgres-tests')
const LIST = join(FOLDER, 'compiled.json')

/** `blobgres` in JavaScript: to start it from its sources takes three times as long. */
export const COMPILED_CLI = join(FOLDER, 'dist/cli.js')
/** A proxy of several processes, which are made of the compiled files then. */
export const compiledWorkers = (): Promise<typeof import('../../src/workers/workers.ts')> =>
  import(join(FOLDER, 'dist/workers/workers.js'))
/** The status page. */
export const COMPILED_PAGE = pathToFileURL(join(FOLDER, 'dist/http/page/'))

/** Files are compiled each for itself: nobody finds out that they are modules. */
const ALONE = { module: 'ESNext', moduleResolution: 'bundler' }

/** Makes it from the sources, as a build does, but that nobody looks at types; what is as it was is left alone. */
export async function compileSources(): Promise<void> {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !/\.d\.ts$|^tsconfig/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name).slice(ROOT.length))
  const texts = new Map(
    ['package.json', 'tsconfig.json', ...sources].map(name => [name, readFileSync(join(ROOT, name))]),
  )
  const digests = Object.fromEntries(
    [...texts].map(([name, text]) => [name, createHash('sha256').update(text).digest('base64')]),
  )
  const before = compiledBefore()
  if (Object.keys(before).some(name => digests[name] === undefined)) rmSync(FOLDER, { recursive: true })
  const changed = [...texts].filter(([name]) => compiledBefore()[name] !== digests[name])
  if (changed.length === 0) return
  const { default: ts } = await import('typescript')
  const { compilerOptions } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config
  const { options } = ts.convertCompilerOptionsFromJson({ ...compilerOptions, ...ALONE }, ROOT)
  for (const [name, text] of changed) {
    const target = join(FOLDER, name.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js'))
    replaceFile(target, name.endsWith('.ts') ? javaScript(ts, text, options) : text)
  }
  replaceFile(LIST, JSON.stringify(digests))
}

function javaScript(ts: typeof import('typescript'), text: Buffer, compilerOptions: CompilerOptions): string {
  return ts.transpileModule(text.toString(), { compilerOptions }).outputText
}

function compiledBefore(): Record<string, string> {
  try {
    return JSON.parse(readFileSync(LIST, 'utf8'))
  } catch {
    return {}
  }
}

/** Another run may be reading it. */
function replaceFile(path: string, contents: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, contents)
  renameSync(fresh, path)
}
