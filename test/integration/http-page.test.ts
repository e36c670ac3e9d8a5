import { afterAll, beforeAll, expect, it } from 'vitest'
import { StorageBrowser } from '../../src/http/storage-browser.ts'
import { account } from '../support/blobs.ts'
import { type BrowserPage, startChromium } from '../support/chromium.ts'
import { COMPILED_PAGE } from '../support/compiled.ts'
import { errorOf } from '../support/copy-stack.ts'
import { type HaltedStorage, startHaltedStorage } from '../support/halted-storage.ts'
import { type HttpStack, startHttpStack } from '../support/http.ts'
import { azurite, servers } from '../support/servers.ts'
import { describeWith } from '../support/tools.ts'

const CSV = Array.from({ length: 20_000 }, (_, i) => `${i},row number ${i}\n`).join('')
const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
const HOSTILE_CSV = `id,"<b>name</b>"\n1,"${HOSTILE.replaceAll('"', '""')}"\n`

describeWith('Chromium').each(servers)('The status page, on PostgreSQL $version', server => {
  let storage: HaltedStorage
  let stack: HttpStack
  let page: BrowserPage
  const url = (path: string): string =>
    `https://${account.name}.blob.core.windows.net/${stack.container.containerName}/${encodeURIComponent(path)}`
  const text = (selector: string) =>
    page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`)
  const count = (selector: string) =>
    page.evaluate<number>(`document.querySelectorAll(${JSON.stringify(selector)}).length`)
  const bar = () => page.evaluate<number>(`document.querySelector('#transfers progress')?.value ?? -1`)
  const begin = async (path: string): Promise<{ readonly done: Promise<unknown> }> => {
    storage.halt()
    const done = stack.client.query(`COPY t FROM '${url(path)}'`)
    done.catch(() => {})
    await expect.poll(() => count('#transfers li')).toBe(1)
    return { done }
  }

  beforeAll(async () => {
    storage = await startHaltedStorage(azurite, 100_000)
    const storageEndpoints = { defaultTemplate: storage.endpointTemplate, accounts: new Map() }
    const browser = new StorageBrowser(storageEndpoints, [account])
    stack = await startHttpStack(server, { storageEndpoints }, { pageFolder: COMPILED_PAGE, browser })
    await stack.client.query('CREATE TABLE t (a int, b text)')
    for (const path of ['a.csv', `${HOSTILE}.csv`]) await stack.put(path, CSV)
    await stack.put('hostile.csv', HOSTILE_CSV)
    page = await startChromium()
    await page.open(`${stack.origin}/`)
  })
  afterAll(async () => {
    await page.close()
    await stack.close()
    await storage.close()
  })

  it('says that the proxy runs', async () => {
    await expect.poll(() => text('#state')).toBe('running')
  })

  it('shows a bar that moves, and what has become of the transfer', async () => {
    const { done } = await begin('a.csv')
    await expect.poll(bar).toBeGreaterThan(0)
    const before = await bar()
    expect(await page.evaluate(`document.querySelector('#transfers progress').max`)).toBe(CSV.length)
    storage.advance()
    await expect.poll(bar).toBeGreaterThan(before)
    expect(await text('#transfers .progress')).toMatch(/^\d+ % of \d+ kB · [\d,]+ rows · .*\/s · /)
    storage.open()
    await done
    await expect.poll(() => text('#finished-table tbody tr')).toMatch(/done.*a\.csv.*20,000/)
    expect(await count('#transfers li')).toBe(0)
  })

  it('cancels by the keyboard: the statement ends with 57014', async () => {
    const { done } = await begin('a.csv')
    const failed = errorOf(done)
    await page.evaluate(`document.querySelector('#live').focus()`)
    await page.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel')
    await page.press('Enter')
    expect((await failed).code).toBe('57014')
    storage.open()
    await expect.poll(() => text('#finished-table tbody tr')).toContain('cancelled (57014)')
    expect(await page.evaluate('document.activeElement.id')).toBe('live')
  })

  it('shows names and values as the text that they are', async () => {
    const { done } = await begin(`${HOSTILE}.csv`)
    expect(await text('#transfers .path')).toBe(`${HOSTILE}.csv`)
    storage.open()
    await done
    await expect.poll(() => text('#finished-table')).toContain(HOSTILE)
    const list = `(async () => {
      const select = document.querySelector('#container')
      select.value = [...select.options].find(each => each.text.endsWith('${stack.container.containerName}')).value
      select.dispatchEvent(new Event('change'))
    })()`
    await expect.poll(() => text('#container')).toContain(stack.container.containerName)
    await page.evaluate(list)
    await expect.poll(() => text('#blobs-table')).toContain(HOSTILE)
    await page.evaluate(
      `[...document.querySelectorAll('#blobs-table button')].find(each => each.textContent === 'hostile.csv').click()`,
    )
    await expect.poll(() => text('#preview tbody')).toBe(`1${HOSTILE}`)
    expect(await text('#preview thead')).toContain('<b>name</b>')
    expect(await text('#preview pre')).toMatch(/^CREATE TABLE hostile \([\s\S]*COPY hostile FROM 'https:/)
    expect(await count('main img, main script, main b')).toBe(0)
    expect(await page.evaluate('typeof window.hacked')).toBe('undefined')
  })

  it('shows sessions, accounts, and what the checks find', async () => {
    await expect.poll(() => text('#sessions-table')).toContain(stack.database.name)
    await expect.poll(() => text('#accounts-table')).toContain(account.name)
    await page.evaluate(`document.querySelector('#check').click()`)
    await expect.poll(() => text('#findings')).toContain('✓ backend: ')
    expect(await count('#findings li.failed')).toBe(0)
  })

  it('fits a phone', async () => {
    const metrics = { width: 360, height: 740, deviceScaleFactor: 1, mobile: true }
    await page.command('Emulation.setDeviceMetricsOverride', metrics)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    await page.command('Emulation.clearDeviceMetricsOverride')
  })

  it('is dark where its reader wants it so', async () => {
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const light = await background()
    await page.command('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] })
    expect(await background()).not.toBe(light)
    await page.command('Emulation.setEmulatedMedia', { features: [] })
  })

  it('asks nobody but its own proxy, and its policy forbids nothing that it does', () => {
    expect(page.strayRequests).toEqual([])
    expect(page.complaints).toEqual([])
  })
})
