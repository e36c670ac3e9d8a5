import { Hono } from 'hono'
import type { Logger } from '../log.ts'
import { PgError } from '../protocol/pg-error.ts'
import type { RunningProxy } from '../proxy.ts'
import type { AboutView, TransfersView } from './api.ts'
import type { Events } from './events.ts'
import { headers, neverStored, onlyOwnNames, onlySameOrigin, type Token } from './guard.ts'
import type { Lookups } from './lookups.ts'
import type { Metrics } from './metrics.ts'
import type { PageFile } from './page-files.ts'
import type { Readiness } from './readiness.ts'
import type { StorageBrowser } from './storage-browser.ts'
import { finishedView, liveView, sessionsView } from './views.ts'

export interface AppParts {
  /** That is listened at. */
  readonly host: string
  readonly version: string
  readonly proxy: RunningProxy
  readonly token: Token
  readonly files: ReadonlyMap<string, PageFile>
  readonly metrics: Metrics
  readonly events: Events
  readonly readiness: Readiness
  readonly lookups: Lookups
  /** In a stack to develop with. */
  readonly browser: StorageBrowser | undefined
  readonly log: Logger
}

/** Which request gets which answer. */
export function createApp(parts: AppParts): Hono {
  const { host, version, proxy, token, files, metrics, events, readiness, lookups, browser, log } = parts
  const app = new Hono()
  app.use(headers, neverStored, onlyOwnNames(host))
  app.use('/api/*', onlySameOrigin)
  app.get('/livez', c => c.text('ok\n'))
  app.get('/readyz', async c => {
    const view = await readiness.look()
    return c.json(view, view.ready ? 200 : 503)
  })
  app.get('/metrics', async c => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))
  app.get('/api/about', c => c.json({ version, hasBlobs: browser !== undefined } satisfies AboutView))
  app.get('/api/transfers', c => {
    const view: TransfersView = { ...liveView(proxy), finished: finishedView(proxy) }
    return c.json(view)
  })
  app.get('/api/sessions', c => c.json(sessionsView(proxy)))
  app.get('/api/accounts', async c => c.json(await lookups.accounts()))
  app.get('/api/checks', async c => c.json(await lookups.checks()))
  if (browser) addBrowser(app, browser)
  app.get('/api/events', c => events.listen(c))
  app.post('/api/transfers/:id{\\d{1,15}}/cancel', token.required, async c => {
    const id = Number(c.req.param('id'))
    const transfer = proxy.transfers.live.find(each => each.id === id)
    if (transfer === undefined) return c.json({ error: 'it has ended' }, 404)
    const session = proxy.sessions.get(transfer.facts.session ?? 0)
    if (session === undefined) return c.json({ error: 'its session is none of this proxy' }, 409)
    log.info({ transfer: id, session: session.facts.id }, 'cancelled on the status page')
    await session.cancel()
    return c.json({ cancelled: id }, 202)
  })
  for (const [path, { type, content }] of files) {
    app.get(path, c => c.body(content, 200, { 'Content-Type': type }))
  }
  app.notFound(c => c.json({ error: 'not found' }, 404))
  app.onError((error, c) => {
    if (error instanceof PgError) return c.json({ error: error.message }, 502)
    if (error instanceof DOMException) return c.json({ error: 'it takes too long' }, 504)
    log.warn({ err: error, path: c.req.path }, 'HTTP request failed')
    return c.json({ error: 'internal error' }, 500)
  })
  return app
}

function addBrowser(app: Hono, browser: StorageBrowser): void {
  app.get('/api/containers', async c => c.json(await browser.containers()))
  app.get('/api/blobs', async c => {
    const { account = '', container = '', prefix = '' } = c.req.query()
    return c.json(await browser.blobs(account, container, prefix))
  })
  app.get('/api/preview', async c => {
    const { account = '', container = '', path = '' } = c.req.query()
    return c.json(await browser.preview(account, container, path, c.req.raw.signal))
  })
}
