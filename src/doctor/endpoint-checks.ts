import { connect } from 'node:tls'
import type { Config } from '../config/config.ts'
import { tryUrl } from '../config/values.ts'
import { quoteShellWord } from '../sql/quote.ts'
import { endpointFor, knownEndpoint, type StorageEndpoints } from '../storage/endpoints.ts'
import { probe, type UnreachableError } from '../storage/probe.ts'
import { type Finding, failed, look, type Outcome, ok, shell, untried, wordsOf } from './finding.ts'

const CA_FILE = 'storage-ca.pem'
/** The service takes signatures that are a quarter of an hour off, and nobody's clock should be. */
const TLS_LIMIT_MS = 5000
const MOST_SKEW_MS = 5 * 60_000
const UNTRUSTED: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

export interface EndpointFindings {
  readonly findings: readonly Finding[]
  readonly isReached: boolean
}

/** Whether an account's endpoint has that name, shows a good certificate and answers; and what time it has. */
export async function checkEndpoint({ storageEndpoints }: Config, account: string): Promise<EndpointFindings> {
  const url = knownEndpoint(storageEndpoints, account)
  if (url === undefined) {
    const none = await look(`endpoint of ${account}`, async () => ok(endpointFor(storageEndpoints, account)))
    return { findings: [none], isReached: false }
  }
  let date = Number.NaN
  const endpoint = await look(`endpoint ${url}`, async signal => {
    try {
      date = await probe(storageEndpoints, account, signal)
      return ok(url.startsWith('https:') ? 'it answers, and its certificate is trusted' : 'it answers')
    } catch (error) {
      return failed(wordsOf(error), await helpWith(error, url, storageEndpoints, account))
    }
  })
  const isReached = endpoint.result === 'ok'
  const clock = await look(`clock, by ${url}`, async () =>
    isReached ? judgeClock(date - Date.now()) : untried('the endpoint does not answer'),
  )
  return { findings: [endpoint, clock], isReached }
}

export function judgeClock(behindMs: number): Outcome {
  if (Number.isNaN(behindMs)) return untried('the endpoint does not tell the time')
  const seconds = Math.round(Math.abs(behindMs) / 1000)
  if (seconds < 2) return ok("it agrees with the storage's")
  const words = `it is ${seconds} seconds ${behindMs > 0 ? 'behind' : 'ahead of'} the storage's`
  return Math.abs(behindMs) < MOST_SKEW_MS ? ok(words) : failed(words, shell('sudo timedatectl set-ntp true'))
}

async function helpWith(
  error: unknown,
  url: string,
  endpoints: StorageEndpoints,
  account: string,
): Promise<Pick<Outcome, 'fix' | 'advice'>> {
  const { code } = error as UnreachableError
  if (UNTRUSTED.has(code)) {
    return {
      ...shell(`${fetchCertificates(url)} > ${CA_FILE} && export BLOBGRES_STORAGE_CA=${CA_FILE}`),
      advice: 'Only if it is the storage that shows these certificates; look at them first.',
    }
  }
  const name = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? await certifiedName(url) : undefined
  if (name !== undefined) {
    const accounts = new Map(endpoints.accounts).set(account, withHost(url, name))
    const all = [
      ...Array.from(accounts, ([each, at]) => `${each}=${at}`),
      ...(endpoints.defaultTemplate ? [endpoints.defaultTemplate] : []),
    ]
    return shell(`export BLOBGRES_STORAGE_ENDPOINT=${quoteShellWord(all.join())}`)
  }
  return { advice: "Is it the account's name? Where it is not at Azure, say where with --storage-endpoint." }
}

/** Those that it shows, as PEM. */
function fetchCertificates(url: string): string {
  const { hostname, port } = tryUrl(url) as URL
  const command = `openssl s_client -connect ${quoteShellWord(`${hostname}:${port || 443}`)} -showcerts </dev/null 2>/dev/null`
  return `${command} | sed -n '/BEGIN CERT/,/END CERT/p'`
}

function withHost(url: string, host: string): string {
  const { protocol, port, pathname } = tryUrl(url) as URL
  return `${protocol}//${host.includes(':') ? `[${host}]` : host}${port && `:${port}`}${pathname}`.replace(/\/$/, '')
}

/** A name that the endpoint's certificate is for; nothing is sent there. */
function certifiedName(url: string): Promise<string | undefined> {
  const { hostname, port } = tryUrl(url) as URL
  return new Promise(resolve => {
    // Whether it is trusted was looked at before.
    const socket = connect({ host: hostname, port: Number(port || 443), rejectUnauthorized: false }, () => {
      const names = socket.getPeerCertificate().subjectaltname ?? ''
      resolve(/(?:DNS|IP Address):([\w.:-]+)/.exec(names)?.[1])
      socket.destroy()
    })
    socket.setTimeout(TLS_LIMIT_MS, () => socket.destroy())
    socket.on('error', () => {}).on('close', () => resolve(undefined))
  })
}
