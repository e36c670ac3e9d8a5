import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { type ResourceLimits, Worker } from 'node:worker_threads'

/** A thread that runs a file of the product's: it knows nothing of the proxy's environment, and says nothing. */
export function startThread(script: URL, resourceLimits: ResourceLimits = {}): Worker {
  // Not the proxy's environment: that may hold secrets.
  const options = { env: {}, resourceLimits, stdout: true, stderr: true }
  const thread = script.pathname.endsWith('.ts')
    ? new Worker(withLoader(script), { ...options, eval: true })
    : new Worker(script, options)
  // PostgreSQL's parser prints what is in its memory.
  thread.stdout.resume()
  thread.stderr.resume()
  return thread
}

/** Runs TypeScript as it is: in a thread, tsx does not load what is run first. */
function withLoader(script: URL): string {
  const loader = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/cjs$/, 'mjs'),
  ).href
  return `import('${loader}').then(({ register }) => { register(); return import('${script}') })`
}
