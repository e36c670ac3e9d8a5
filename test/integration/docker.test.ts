import { GenericContainer, getContainerRuntimeClient, Network, type StartedTestContainer, Wait } from 'testcontainers'
import { beforeAll, describe, expect, it } from 'vitest'
import { psql } from '../support/psql.ts'

const engine = await getContainerRuntimeClient().then(
  () => true,
  () => false,
)

describe.skipIf(!engine)(engine ? 'the image' : 'the image (needs a container engine)', () => {
  const started: StartedTestContainer[] = []
  let url: string

  beforeAll(async () => {
    const network = await new Network().start()
    started.push(
      await new GenericContainer('postgres:18')
        .withNetwork(network)
        .withNetworkAliases('postgres')
        .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
        // Once for the set-up, once for good.
        .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
        .start(),
    )
    const image = await GenericContainer.fromDockerfile('.').build()
    const blobgres = await image
      .withNetwork(network)
      .withNetworkAliases('blobgres')
      .withEnvironment({
        BLOBGRES_BACKEND: 'postgres://postgres:postgres@postgres:5432/postgres',
        BLOBGRES_LOOPBACK: 'blobgres:5433',
      })
      .withExposedPorts(5433)
      .withWaitStrategy(Wait.forHealthCheck())
      .start()
    started.push(blobgres)
    url = `postgres://postgres@${blobgres.getHost()}:${blobgres.getMappedPort(5433)}/postgres`
    return async () => {
      for (const container of started.reverse()) await container.stop()
      await network.stop()
    }
  }, 600_000)

  it('serves the extension, and not as root', async () => {
    const result = await psql({ url, password: 'postgres' }, 'CREATE EXTENSION azure_storage; SELECT 1')
    expect(result).toMatchObject({ stdout: '1\n', status: 0 })
    const { output } = (await started.at(-1)?.exec(['id', '-u'])) ?? {}
    expect(output?.trim()).not.toBe('0')
  })
})
