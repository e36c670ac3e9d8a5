import { afterAll, beforeAll, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type BrowserPage, startChromium } from '../support/chromium.ts'
import { COMPILED_PAGE } from '../support/compiled.ts'
import { adminQuery } from '../support/database.ts'
import { type HttpStack, startHttpStack } from '../support/http.ts'
import { azurite, servers } from '../support/servers.ts'
import { startThrottledStorage } from '../support/throttled-storage.ts'
import { describeWith } from '../support/tools.ts'
import { contentsOf, makeTables, shortcomings, type TransferKind, transferKinds } from '../support/transfer-kinds.ts'
import { bytesOf, watchTransfer } from '../support/watched-transfers.ts'

/** 6 MB, so that each takes some seconds: `npm run soak -- --transfers` does the same with 200 MB. */
const ROWS = 65_000
/** An upload has two connections. */
const BYTES_PER_SECOND = { up: 600_000, down: 1_200_000 }

describeWith('Chromium', 'psql').each(servers)('Transfers, watched everywhere, on PostgreSQL $version', server => {
  let storage: Awaited<ReturnType<typeof startThrottledStorage>>
  let stack: HttpStack
  let page: BrowserPage

  beforeAll(async () => {
    storage = await startThrottledStorage(azurite, BYTES_PER_SECOND)
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    stack = await startHttpStack(server, { storageEndpoints }, { pageFolder: COMPILED_PAGE })
    await stack.client.query(makeTables(ROWS))
    // What waits to be uploaded is counted too: little of it, in small blocks.
    await adminQuery(server, `ALTER DATABASE ${stack.database.name} SET azure_storage.blob_block_size_mb = 1`)
    page = await startChromium()
    await page.open(`${stack.origin}/`)
  })
  afterAll(async () => {
    await page.close()
    await stack.close()
    await storage.close()
  })

  /** All at a time: what was not as it should be. */
  async function watch(kinds: readonly TransferKind[]): Promise<string[]> {
    const place = { url: stack.url(), origin: stack.origin, page }
    const found = kinds.map(async kind => {
      const seen = await watchTransfer(place, kind)
      const bytes = (await stack.getBytes(kind.path)).length
      return shortcomings(kind, seen, { bytes, rows: ROWS })
    })
    return (await Promise.all(found)).flat()
  }

  const kindsOf = () => transferKinds({ account: account.name, container: stack.container.containerName }, 'again.csv')
  const bytesOfAll = async (kinds: readonly TransferKind[]): Promise<number> => {
    const sizes = await Promise.all(kinds.map(async ({ path }) => (await stack.getBytes(path)).length))
    return sizes.reduce((sum, size) => sum + size)
  }

  it('move in psql, on the page, in the API, the events and the metrics: exports', async () => {
    const { exports } = kindsOf()
    expect(await watch(exports)).toEqual([])
    expect(await bytesOf(stack.origin, 'export')).toBe(await bytesOfAll(exports))
  }, 90_000)

  it('and imports, which bring back all that was exported', async () => {
    const { imports } = kindsOf()
    await stack.put('again.csv', await stack.getBytes('copied.csv'))
    expect(await watch(imports)).toEqual([])
    expect(await bytesOf(stack.origin, 'import')).toBe(await bytesOfAll(imports))
    const { rows } = await stack.client.query(contentsOf('ev'))
    for (const { name } of imports)
      expect([name, (await stack.client.query(contentsOf(name))).rows]).toEqual([name, rows])
    expect(page.complaints).toEqual([])
  }, 90_000)
})
