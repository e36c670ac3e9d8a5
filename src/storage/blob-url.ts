import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { ACCOUNT_PLACEHOLDER, knownEndpoint, type StorageEndpoints } from './endpoints.ts'
import { mayBePattern } from './glob.ts'
import { checkAccountName, checkBlobPath, checkContainerName } from './names.ts'

export interface BlobUrl {
  readonly account: string
  readonly container: string
  readonly path: string
  /** The same as a pattern, where it may be one: what is percent-encoded has no meaning in it. */
  readonly pattern?: string
  /** The query of a URL that carries a shared access signature. A secret, so not enumerable. */
  readonly sas?: string
  /** The URL as it may be shown: without user, password and query. */
  readonly redacted: string
}

interface UrlParts {
  readonly authority: string
  readonly path: string
  readonly query: string | undefined
  readonly redacted: string
}

interface Location {
  readonly account: string
  /** `container/blob`, still percent-encoded. */
  readonly resource: string
}

const CLOUDS = ['blob.core.windows.net', 'blob.core.chinacloudapi.cn', 'blob.core.usgovcloudapi.net']
const EMULATORS = ['localhost', '127.0.0.1', '[::1]', 'azurite']
const WELL_KNOWN_TEMPLATES = [
  ...CLOUDS.map(cloud => `https://${ACCOUNT_PLACEHOLDER}.${cloud}`),
  ...EMULATORS.map(host => `http://${host}:10000/${ACCOUNT_PLACEHOLDER}`),
]

/** Whether COPY's file name means a blob rather than a file of the server. */
export function isBlobUrl(text: string): boolean {
  return /^https?:\/\//i.test(text)
}

/** A URL, of a blob or not, as it may be shown. */
export function redactUrl(text: string): string {
  return splitUrl(text).redacted
}

/**
 * Takes a blob's URL apart. The URL's host only says which account is meant: requests go to the configured endpoint.
 * The path is split by hand because `new URL` would normalise names such as `a//b` and cut them at a `#`.
 */
export function parseBlobUrl(text: string, endpoints: StorageEndpoints): BlobUrl {
  const { authority, path, query, redacted } = splitUrl(text)
  if (authority.includes('@')) {
    throw invalidUrl(redacted, 'A blob URL cannot carry a user name or password.')
  }
  const location = locate(authority, path, endpoints)
  if (location === undefined) {
    throw invalidUrl(
      redacted,
      'The host is not that of a storage account.',
      'Use https://<account>.blob.core.windows.net/<container>/<path>.',
    )
  }
  const { account, resource } = location
  if (account === '') throw invalidUrl(redacted, 'The URL has no storage account.')
  checkAccountName(account)
  checkCloud(authority, account, endpoints, redacted)

  const slash = resource.indexOf('/')
  const container = decodePart(slash < 0 ? resource : resource.slice(0, slash), redacted)
  const encoded = slash < 0 ? '' : resource.slice(slash + 1)
  const blob = decodePart(encoded, redacted)
  if (container === '') throw invalidUrl(redacted, 'The URL has no container.')
  if (blob === '') throw invalidUrl(redacted, 'The URL has no path after the container.')
  checkContainerName(container)
  checkBlobPath(blob)

  const pattern = mayBePattern(encoded) ? { pattern: decodePart(withEscapes(encoded), redacted) } : {}
  const url: BlobUrl = { account, container, path: blob, ...pattern, redacted }
  if (query === undefined) return url
  if (!/(?:^|&)sig=/.test(query)) {
    throw invalidUrl(
      redacted,
      'The URL has a query that is not a shared access signature.',
      'A question mark that is part of the name is written %3F.',
    )
  }
  return Object.defineProperty(url, 'sas', { value: query, enumerable: false })
}

function splitUrl(text: string): UrlParts {
  const schemeEnd = text.indexOf('://') + 3
  const authorityEnd = schemeEnd + text.slice(schemeEnd).search(/[/?#]|$/)
  const queryStart = text.indexOf('?', authorityEnd)
  const pathEnd = queryStart < 0 ? text.length : queryStart
  const scheme = text.slice(0, schemeEnd).toLowerCase()
  const authority = text.slice(schemeEnd, authorityEnd)
  const path = text.slice(authorityEnd, pathEnd)
  const shown = authority.slice(authority.lastIndexOf('@') + 1)
  return {
    authority: withoutDefaultPort(scheme, authority),
    path,
    query: queryStart < 0 ? undefined : text.slice(queryStart + 1),
    redacted: `${scheme}${shown}${path}${queryStart < 0 ? '' : '?<redacted>'}`,
  }
}

function withoutDefaultPort(scheme: string, authority: string): string {
  return authority.toLowerCase().replace(scheme === 'https://' ? /:443$/ : /:80$/, '')
}

/** Finds the account by the first known endpoint that has the URL's shape. */
function locate(authority: string, path: string, endpoints: StorageEndpoints): Location | undefined {
  for (const [account, url] of endpoints.accounts) {
    const location = matchEndpoint(url, authority, path)
    if (location !== undefined) return { account, resource: location.resource }
  }
  const { defaultTemplate } = endpoints
  for (const template of [...(defaultTemplate === undefined ? [] : [defaultTemplate]), ...WELL_KNOWN_TEMPLATES]) {
    const location = matchEndpoint(template, authority, path)
    if (location !== undefined) return location
  }
  return undefined
}

function matchEndpoint(template: string, authority: string, path: string): Location | undefined {
  const wanted = splitUrl(template.replace(/\/+$/, ''))
  const inHost = matchAccount(wanted.authority, authority)
  if (inHost === undefined) return undefined
  const wantedSegments = wanted.path.split('/')
  const segments = path.split('/')
  const inPath = matchAccount(wantedSegments.join('/'), segments.slice(0, wantedSegments.length).join('/'))
  if (inPath === undefined) return undefined
  return { account: inHost || inPath, resource: segments.slice(wantedSegments.length).join('/') }
}

/** What stands for the placeholder in `text` ('' without a placeholder), or undefined when `text` differs. */
function matchAccount(template: string, text: string): string | undefined {
  const at = template.indexOf(ACCOUNT_PLACEHOLDER)
  if (at < 0) return template === text ? '' : undefined
  const before = template.slice(0, at)
  const after = template.slice(at + ACCOUNT_PLACEHOLDER.length)
  if (text.length < before.length + after.length || !text.startsWith(before) || !text.endsWith(after)) return undefined
  return text.slice(before.length, text.length - after.length)
}

/** An account name is only unique within one cloud: another cloud's account of that name must not get the request. */
function checkCloud(authority: string, account: string, endpoints: StorageEndpoints, redacted: string): void {
  const cloudOf = (host: string) => CLOUDS.find(cloud => host.endsWith(`.${cloud}`))
  const meant = cloudOf(authority)
  const endpoint = knownEndpoint(endpoints, account)
  const configured = endpoint === undefined ? undefined : cloudOf(splitUrl(endpoint).authority)
  if (meant === undefined || configured === undefined || meant === configured) return
  throw invalidUrl(redacted, `Storage account "${account}" is configured to be in the cloud of ${configured}.`)
}

function decodePart(part: string, redacted: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalidUrl(
      redacted,
      'The percent-encoding is not that of UTF-8 text.',
      'A percent sign that is part of the name is written %25.',
    )
  }
}

/** Of characters that mean something in a pattern; what has a backslash already has no meaning. */
const withEscapes = (encoded: string): string =>
  encoded.replace(/\\(?:%[\da-f]{2}|.)|%(?:2[1AD]|3F|5[B-E])/gis, part => (part.startsWith('\\') ? part : `\\${part}`))

function invalidUrl(redacted: string, detail: string, hint?: string): PgError {
  return new PgError({
    message: `azure_storage: invalid blob URL: ${redacted}`,
    code: SQLSTATE.invalidParameterValue,
    detail,
    hint,
  })
}
