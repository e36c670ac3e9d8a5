import { describe, expect, it } from 'vitest'
import { backendConfig } from '../../src/config/backend-url.ts'
import { account } from '../support/blobs.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { docBlocks } from '../support/doc-blocks.ts'
import { psql } from '../support/psql.ts'
import { servers } from '../support/servers.ts'
import { startStack } from '../support/stack.ts'

const [superuser = '', onceEach = ''] = docBlocks('docs/guides/own-server.md', 'sql')

describe.each(servers)('the guide to a server that is there already, on PostgreSQL $version', server => {
  it('has the rights that it says are needed, and the statements that make a database ready', async () => {
    const [proxyRole, appRole] = [uniqueName('blobgres'), uniqueName('app_role')]
    await adminQuery(server, superuser.replace('blobgres', proxyRole))
    await adminQuery(server, `CREATE ROLE ${appRole} LOGIN`)
    const { host, port } = server
    const backend = backendConfig({ host, port, user: proxyRole, database: 'postgres', password: 'a long one' })
    const stack = await startStack(server, { backend })
    const statements = onceEach
      .replaceAll('mystorage', account.name)
      .replace('<access key or SAS token>', account.key)
      .replaceAll('app_role', appRole)
    expect(await psql(stack.url(), statements)).toMatchObject({ status: 0, stderr: '' })
    const list = 'SELECT account_name, allowed_users FROM azure_storage.account_list()'
    expect(await psql(stack.url(), list)).toMatchObject({ stdout: `${account.name}|{${appRole}}\n`, stderr: '' })
    await stack.close()
    await adminQuery(server, `DROP ROLE ${proxyRole}, ${appRole}`)
  })
})
