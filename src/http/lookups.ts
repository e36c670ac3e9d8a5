import { setTimeout as sleep } from 'node:timers/promises'
import { registeredAccounts } from '../admin/registered-accounts.ts'
import type { Config } from '../config/config.ts'
import { examine } from '../doctor/doctor.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { AccountView, FindingView } from './api.ts'

const HOLDS_MS = 5000
/** Before a silent connection is closed, see server.ts. */
const WAIT_MS = 50_000
/** Looks at many accounts take a while; one that a server has left without an answer is not to be the last. */
const STUCK_MS = 5 * 60_000

/** What takes connections of the proxy's own to find out. */
export class Lookups {
  readonly accounts: () => Promise<readonly AccountView[]>
  readonly checks: () => Promise<readonly FindingView[]>

  constructor(config: Config) {
    this.accounts = once(() => registeredAccounts(config.backend))
    this.checks = once(() => examine(config))
  }
}

/** One look at a time, which holds for some seconds, whoever asks. Nobody waits for it for longer than a browser does. */
export function once<T>(look: () => Promise<T>, { waitMs = WAIT_MS, stuckMs = STUCK_MS } = {}): () => Promise<T> {
  let last: Promise<T> | undefined
  const lookAnew = (): Promise<T> => {
    const current = look()
    const forget = (): void => {
      if (last === current) last = undefined
    }
    const stuck = setTimeout(forget, stuckMs).unref()
    const looked = (): void => clearTimeout(stuck)
    current.finally(looked).then(() => setTimeout(forget, HOLDS_MS).unref(), forget)
    return current
  }
  return async () => {
    last ??= lookAnew()
    const over = new AbortController()
    const late = sleep(waitMs, undefined, { signal: over.signal }).then(() => {
      throw new PgError({ message: 'no answer yet; blobgres doctor waits for it', code: SQLSTATE.queryCanceled })
    })
    try {
      return await Promise.race([last, late])
    } finally {
      late.catch(() => {})
      over.abort()
    }
  }
}
