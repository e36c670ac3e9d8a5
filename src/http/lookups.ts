import { registeredAccounts } from '../admin/registered-accounts.ts'
import type { Config } from '../config/config.ts'
import { examine } from '../doctor/doctor.ts'
import type { AccountView, FindingView } from './api.ts'

const HOLDS_MS = 5000

/** What takes connections of the proxy's own to find out: one look at a time, which holds for some seconds, whoever asks. */
export class Lookups {
  readonly accounts: () => Promise<readonly AccountView[]>
  readonly checks: () => Promise<readonly FindingView[]>

  constructor(config: Config) {
    this.accounts = once(() => registeredAccounts(config.backend))
    this.checks = once(() => examine(config))
  }
}

function once<T>(look: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined
  return () => {
    if (last !== undefined) return last
    const current = look()
    last = current
    const forget = (): void => {
      last = undefined
    }
    current.then(() => setTimeout(forget, HOLDS_MS).unref(), forget)
    return current
  }
}
