import { randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

const TOKEN_HEADER = 'x-blobgres-token'

/** Nothing but our own files and API, no markup from scripts, and no other page around it. */
export const headers: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: ["'none'"],
  },
  xFrameOptions: 'DENY',
  strictTransportSecurity: false,
})

export const neverStored: MiddlewareHandler = async (c, next) => {
  await next()
  c.header('Cache-Control', 'no-store')
}

/**
 * Only under a name that nobody else can have pointed here: a page at a name of its owner's, which leads to this machine once
 * the page is loaded (DNS rebinding), would count as ours. That takes a domain: it is no address, and has a dot.
 */
export function onlyOwnNames(listenHost: string): MiddlewareHandler {
  const isOwn = (host: string): boolean => host === listenHost.toLowerCase() || !host.includes('.') || isIP(host) !== 0
  return async (c, next) => {
    const host = hostOf(c.req.header('host') ?? '')
    if (host !== undefined && isOwn(host)) return next()
    return c.json({ error: 'not served under this name: use an address, or give the name to --http' }, 421)
  }
}

/** Undefined where it is none. */
function hostOf(header: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(header.toLowerCase()) ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined
  return plain
}

/** A browser says where a request comes from; other programs need not. */
export const onlySameOrigin: MiddlewareHandler = async (c, next) => {
  const site = c.req.header('sec-fetch-site') ?? 'none'
  const origin = c.req.header('origin')
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === c.req.header('host'))
  if (isOwn && (site === 'same-origin' || site === 'none')) return next()
  return c.json({ error: 'not for other pages' }, 403)
}

/** What changes something takes a secret that only our own page has. */
export class Token {
  readonly value = randomBytes(32).toString('hex')

  readonly required: MiddlewareHandler = async (c, next) => {
    const given = Buffer.from(c.req.header(TOKEN_HEADER) ?? '')
    const own = Buffer.from(this.value)
    if (given.length === own.length && timingSafeEqual(given, own)) return next()
    return c.json({ error: "the page's token is missing or old: load the page again" }, 403)
  }
}
