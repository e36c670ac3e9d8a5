import { randomUUID } from 'node:crypto'
import type { StartedTestContainer } from 'testcontainers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addressOf, describeWithEngine, docker, healthyContainer, stopStatus } from '../support/docker.ts'
import { psql } from '../support/psql.ts'
import { expectReadmeSession, readmeUrl } from '../support/readme-session.ts'

const INIT_SCRIPTS = {
  'a.sql':
    "CREATE TABLE steps (step text); INSERT INTO steps SELECT count(*) FROM azure_storage.account_list() WHERE account_name = 'pgquickstart';",
  'b.sh':
    'psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -qc "INSERT INTO steps VALUES (\'b\')"',
}

describeWithEngine('the image dev', () => {
  const volume = `blobgres-test-${randomUUID()}`
  let container: StartedTestContainer

  const start = (): Promise<StartedTestContainer> =>
    healthyContainer('blobgres:dev')
      .withBindMounts([{ source: volume, target: '/data' }])
      .withCopyContentToContainer(
        Object.entries(INIT_SCRIPTS).map(([name, content]) => ({
          content,
          target: `/docker-entrypoint-initdb.d/${name}`,
        })),
      )
      .start()
  const query = async (sql: string): Promise<string> => (await psql(readmeUrl(...addressOf(container)), sql)).stdout

  beforeAll(async () => {
    container = await start()
  })

  afterAll(async () => {
    await container?.stop()
    await docker('volume', 'rm', volume)
  })

  it("has README's first session as README shows it", () => expectReadmeSession(readmeUrl(...addressOf(container))))

  it('has run the init scripts by the time that it is healthy', async () => {
    expect(await query('SELECT * FROM steps')).toBe('1\nb\n')
  })

  it('does not run as root', async () => {
    expect((await container.exec(['id', '-u'])).output.trim()).toBe('1000')
  })

  it('ends in an orderly way, and a new container goes on with its volume', async () => {
    expect(await stopStatus(container, 10)).toBe(0)
    await docker('rm', container.getId())
    container = await start()
    expect(await query("INSERT INTO steps VALUES ('kept'); SELECT * FROM steps")).toBe('1\nb\nkept\n')
  })

  it('starts again after it was killed', async () => {
    await docker('kill', container.getId())
    await docker('rm', container.getId())
    container = await start()
    expect(await query('SELECT * FROM steps')).toBe('1\nb\nkept\n')
  })
})
