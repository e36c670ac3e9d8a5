import type { TestProject } from 'vitest/node'
import { docker } from './docker.ts'
import { provideTools } from './tool-list.ts'

declare module 'vitest' {
  interface ProvidedContext {
    engine: boolean
  }
}

/** Builds both images, where there is an engine. */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('missingTools', provideTools())
  const engine = await docker('info').then(
    () => true,
    () => false,
  )
  project.provide('engine', engine)
  if (!engine) return
  await docker('build', '-t', 'blobgres:dev', '--target', 'dev', '.')
  await docker('build', '-t', 'blobgres', '.')
}
