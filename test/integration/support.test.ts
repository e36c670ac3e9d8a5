import { describe, expect, it } from 'vitest'
import { createContainer } from '../support/azurite.ts'
import { createDatabase, createUser } from '../support/database.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'

describe.each(servers)('the test servers: PostgreSQL $version', server => {
  it('gives every test a database of its own', async () => {
    const database = await createDatabase(server)
    const { stdout } = await psql(
      database.url,
      `SELECT current_database(), current_setting('server_version_num')::int / 10000`,
    )
    expect(stdout).toBe(`${database.name}|${server.version}\n`)
    await database.drop()
  })

  it.each(['scram', 'md5', 'password'] as const)('asks a %s user for the password', async auth => {
    const user = await createUser(server, auth)
    const url = `postgres://${user.name}@${server.host}:${server.port}/postgres`
    expect(await psql({ url, password: user.password }, 'SELECT 1')).toMatchObject({ stdout: '1\n', status: 0 })
    expect(await psql({ url, password: 'wrong' }, 'SELECT 1')).toMatchObject({ status: 2 })
    await user.drop()
  })
})

it('gives every test a container of its own', async () => {
  const container = await createContainer()
  await container.uploadBlockBlob('a.txt', 'hello', 5)
  expect((await container.getBlobClient('a.txt').downloadToBuffer()).toString()).toBe('hello')
  await container.delete()
})
