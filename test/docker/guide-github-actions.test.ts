import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { BlobServiceClient } from '@azure/storage-blob'
import type { StartedTestContainer } from 'testcontainers'
import { afterEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { docBlock } from '../support/doc-blocks.ts'
import { describeWithEngine, healthyContainer } from '../support/docker.ts'

const run = promisify(execFile)

interface Step {
  readonly run?: string
}

interface Job {
  readonly services: { readonly blobgres: { readonly image: string; env: Record<string, string>; ports: string[] } }
  readonly env: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}

describeWithEngine('the job of GitHub Actions', () => {
  let service: StartedTestContainer

  afterEach(() => service?.stop())

  it('has database and account when its steps begin', async () => {
    const { jobs } = parse(docBlock('docs/guides/github-actions.md', 'yaml'))
    const { services, env, steps } = jobs.test as Job
    const { image, env: serviceEnv, ports } = services.blobgres
    expect(ports).toEqual(['5433:5433', '10000:10000'])
    service = await healthyContainer(image.replace('registry.example/', ''))
      .withExposedPorts(5433, 10_000)
      .withEnvironment(serviceEnv)
      .start()
    const here = (text: string): string =>
      text.replace(
        /127\.0\.0\.1:(5433|10000)/,
        (_, port) => `${service.getHost()}:${service.getMappedPort(Number(port))}`,
      )
    const { DATABASE_URL = '', AZURE_STORAGE_CONNECTION_STRING = '' } = env
    const storage = BlobServiceClient.fromConnectionString(here(AZURE_STORAGE_CONNECTION_STRING))
    await storage.createContainer('data')

    const script = steps.find(step => step.run?.startsWith('psql'))?.run?.replace('-f schema.sql', '-c "$SCHEMA"')
    const SCHEMA = `CREATE TABLE t AS SELECT 1 AS a; COPY t TO 'https://mystorage.blob.core.windows.net/data/t.csv'`
    await run('sh', ['-ec', script as string], { env: { ...process.env, DATABASE_URL: here(DATABASE_URL), SCHEMA } })
    const blob = storage.getContainerClient('data').getBlobClient('t.csv')
    expect((await blob.downloadToBuffer()).toString()).toBe('1\n')
  })
})
