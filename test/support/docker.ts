import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { describe, inject } from 'vitest'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAX_OUTPUT = 64 * 1024 * 1024
const START_TIMEOUT_MS = 120_000

/** Runs `docker`; resolves with what it prints. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { cwd: ROOT, maxBuffer: MAX_OUTPUT })
  return stdout
}

/** `describe`, but skipped where there is no engine. */
export function describeWithEngine(name: string, suite: () => void): void {
  if (inject('engine')) describe(name, suite)
  else describe.skip(`${name} (needs a container engine)`, suite)
}

/** A container of an image that has a health check, by which one knows that it is ready; `start()` starts it. */
export function healthyContainer(image: string): GenericContainer {
  return new GenericContainer(image)
    .withExposedPorts(5433)
    .withWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(START_TIMEOUT_MS)
}

/** As clients see it. */
export function addressOf(container: StartedTestContainer): [host: string, port: number] {
  return [container.getHost(), container.getMappedPort(5433)]
}

/** Ends it with SIGTERM; the exit status is 137 where the time was not enough. */
export async function stopStatus(container: StartedTestContainer, seconds: number): Promise<number> {
  await docker('stop', '-t', String(seconds), container.getId())
  return Number(await docker('inspect', '-f', '{{.State.ExitCode}}', container.getId()))
}
