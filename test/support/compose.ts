import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { docker } from './docker.ts'

const run = promisify(execFile)

export interface ComposeProject {
  up(...args: readonly string[]): Promise<void>
  /** Resolves when a service is healthy, with its port on 127.0.0.1. */
  healthy(service: string, port: number): Promise<number>
  /** Runs a command in a service's container; resolves with its exit status. */
  exec(service: string, ...command: readonly string[]): Promise<number>
  stop(service: string): Promise<number>
  down(): Promise<void>
}

/** A project of these files, which lie in one folder; the first ones are compose files as far as their names say so. */
export async function composeProject(files: Readonly<Record<string, string>>): Promise<ComposeProject> {
  const dir = await mkdtemp(join(tmpdir(), 'blobgres-compose-'))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(dir, dirname(name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
  const composeFiles = Object.keys(files).filter(name => name.endsWith('.yml'))
  const options = ['-p', `blobgres-${randomUUID()}`, ...composeFiles.flatMap(name => ['-f', join(dir, name)])]
  const [program, ...words] = await composeCommand()
  const compose = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(program, [...words, ...options, ...args])
    return stdout.trim()
  }
  const container = (service: string): Promise<string> => compose('ps', '-q', service)
  return {
    async up(...args) {
      await compose('up', '--no-build', ...args)
    },
    async healthy(service, port) {
      const id = await container(service)
      await expect
        .poll(async () => (await docker('inspect', '-f', '{{.State.Health.Status}}', id)).trim(), { timeout: 120_000 })
        .toBe('healthy')
      return Number((await compose('port', service, String(port))).split(':').at(-1))
    },
    async exec(service, ...command) {
      return docker('exec', await container(service), ...command).then(
        () => 0,
        ({ code }) => code,
      )
    },
    async stop(service) {
      const id = await container(service)
      await compose('stop', service)
      return Number(await docker('inspect', '-f', '{{.State.ExitCode}}', id))
    },
    async down() {
      await compose('down', '--volumes', '--remove-orphans')
      await rm(dir, { recursive: true })
    },
  }
}

/** A plug-in of Docker's today, a program of its own before. */
async function composeCommand(): Promise<[program: string, ...words: string[]]> {
  return docker('compose', 'version').then(
    () => ['docker', 'compose'],
    () => ['docker-compose'],
  )
}
