import type { LiveSession } from '../activity/sessions.ts'
import type { Transfer } from '../activity/transfer.ts'
import type { RunningProxy } from '../proxy.ts'
import type { SessionsView, SessionView, TransfersView, TransferView } from './api.ts'

export const MAX_SHOWN = 1000
/** Of the names in one answer together, which are others' to choose, and may be six times as long in JSON. */
const MAX_NAMES_CHARS = 100_000

export function transferView(transfer: Transfer): TransferView {
  const { id, facts, state, bytes, totalBytes, rows, bytesPerSecond, ms, since, end } = transfer
  return {
    id,
    ...facts,
    session: facts.session ?? null,
    state: end ? 'ended' : state,
    bytes,
    totalBytes: totalBytes ?? null,
    rows: rows ?? null,
    bytesPerSecond: Math.round(bytesPerSecond),
    ms: Math.round(ms),
    since: since.toISOString(),
    endedAt: end?.at.toISOString() ?? null,
    outcome: end?.outcome ?? null,
    sqlstate: end?.sqlstate ?? null,
  }
}

type Shown = Pick<RunningProxy, 'transfers' | 'sessions'>

export function liveView({ transfers }: Shown): Pick<TransfersView, 'live' | 'liveCount'> {
  const { live } = transfers
  const names = ({ facts: { path, account, container, user, database } }: Transfer): string =>
    path + account + container + user + database
  return { live: firstOf(live, names).map(transferView), liveCount: live.length }
}

export function finishedView({ transfers }: Shown): TransfersView['finished'] {
  return transfers.finished.map(transferView).reverse()
}

export function sessionsView({ sessions }: Shown): SessionsView {
  const { all } = sessions
  const names = ({ facts: { user, database } }: LiveSession): string => user + database
  return { sessions: firstOf(all, names).map(sessionView), count: all.length }
}

/** As many as an answer has room for. */
function firstOf<T>(all: readonly T[], names: (each: T) => string): readonly T[] {
  let chars = 0
  const end = all.findIndex((each, i) => {
    chars += names(each).length
    return i === MAX_SHOWN || chars > MAX_NAMES_CHARS
  })
  return end < 0 ? all : all.slice(0, end)
}

function sessionView({ facts, pid, state }: LiveSession): SessionView {
  return { ...facts, since: facts.since.toISOString(), pid, state }
}
