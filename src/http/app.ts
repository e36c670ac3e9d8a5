import { Hono } from 'hono'
import type { Logger } from '../log.ts'
import { PgError } from '../protocol/pg-error.ts'
import type { AboutView, SessionsView, TransfersView } from './api.ts'
import type { Events } from './events.ts'
import { headers, neverStored, onlyOwnNames, onlySameOrigin, type Token } from './guard.ts'
import type { Lookups } from './lookups.ts'
import { METRICS_CONTENT_TYPE } from './metrics.ts'
import type { Observed } from './observed.ts'
import type { PageFile } from './page-files.ts'
import type { Readiness } from './readiness.ts'
import type { StorageBrowser } from './storage-browser.ts'

export interface AppParts {
  /** That is listened at. */
  readonly host: string
  readonly version: string
  readonly observed: Observed
  readonly token: Token
  readonly files: ReadonlyMap<string, PageFile>
  readonly events: Events
  readonly readiness: Readiness
  readonly lookups: Lookups
  /** In a stack to develop with. */
  readonly browser: StorageBrowser | undefined
  readonly log: Logger
}

/** Which request gets which answer. */
export function createApp(parts: AppParts): Hono {
  const { host, version, observed, token, files, events, readiness, lookups, browser, log } = parts
  const app = new Hono()
  app.use(headers, neverStored, onlyOwnNames(host))
  app.use('/api/*', onlySameOrigin)
  app.get('/livez', c => c.text('ok\n'))
  app.get('/readyz', async c => {
    const view = await readiness.look()
    return c.json(view, view.ready ? 200 : 503)
  })
  app.get('/metrics', async c => c.body(await observed.metrics(), 200, { 'Content-Type': METRICS_CONTENT_TYPE }))
  app.get('/api/about', c => c.json({ version, hasBlobs: browser !== undefined } satisfies AboutView))
  app.get('/api/transfers', async c => {
    const { live, liveCount, finished } = await observed.standing()
    return c.json({ live, liveCount, finished } satisfies TransfersView)
  })
  app.get('/api/sessions', async c => {
    const { sessions, count } = await observed.standing()
    return c.json({ sessions, count } satisfies SessionsView)
  })
  app.get('/api/accounts', async c => c.json(await lookups.accounts()))
  app.get('/api/checks', async c => c.json(await lookups.checks()))
  if (browser) addBrowser(app, browser)
  app.get('/api/events', c => events.listen(c))
  app.post('/api/transfers/:id{\\d{1,15}}/cancel', token.required, async c => {
    const id = Number(c.req.param('id'))
    const session = await observed.cancel(id)
    if (session === 'ended') return c.json({ error: 'it has ended' }, 404)
    if (session === 'elsewhere') return c.json({ error: 'its session is none of this proxy' }, 409)
    log.info({ transfer: id, session }, 'cancelled on the status page')
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
