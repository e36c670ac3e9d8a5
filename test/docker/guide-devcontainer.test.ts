import { afterEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type ComposeProject, composeProject } from '../support/compose.ts'
import { docBlock } from '../support/doc-blocks.ts'
import { describeWithEngine } from '../support/docker.ts'

const PAGE = 'docs/guides/devcontainer.md'

describeWithEngine('the devcontainer', () => {
  let project: ComposeProject

  afterEach(() => project.down())

  it('reaches database and account by what its environment says', async () => {
    const devcontainer = JSON.parse(docBlock(PAGE, 'json'))
    const compose = docBlock(PAGE, 'yaml')
    const { services } = parse(compose)
    expect(Object.keys(services)).toContain(devcontainer.service)
    for (const port of devcontainer.forwardPorts) expect(Object.keys(services)).toContain(port.split(':')[0])
    expect(services.app.volumes[0].endsWith(`:${devcontainer.workspaceFolder}`)).toBe(true)

    // An image that has psql and blobgres in it, in the place of Microsoft's.
    const here = compose
      .replace(services.app.image, 'blobgres:dev')
      .replace('command:', 'entrypoint:')
      .replaceAll('registry.example/', '')
    project = await composeProject({ [devcontainer.dockerComposeFile]: here })
    await project.up('-d')
    const list = "SELECT 1 / count(*) FROM azure_storage.account_list() WHERE account_name = 'mystorage'"
    const script = `psql -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "${list}"`
    expect(await project.exec('app', 'sh', '-c', script)).toBe(0)
    const storage = `const { BlobServiceClient } = require('/app/node_modules/@azure/storage-blob')
      BlobServiceClient.fromConnectionString(process.env.AZURE_STORAGE_CONNECTION_STRING).createContainer('mine')`
    expect(await project.exec('app', 'node', '-e', storage)).toBe(0)
  })
})
