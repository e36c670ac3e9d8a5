import type { LiveSession } from '../activity/sessions.ts'
import type { Transfer } from '../activity/transfer.ts'
import type { RunningProxy } from '../proxy.ts'
import type { SessionsView, SessionView, TransfersView, TransferView } from './api.ts'

export const MAX_SHOWN = 1000

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
  return { live: live.slice(0, MAX_SHOWN).map(transferView), liveCount: live.length }
}

export function finishedView({ transfers }: Shown): TransfersView['finished'] {
  return transfers.finished.map(transferView).reverse()
}

export function sessionsView({ sessions }: Shown): SessionsView {
  const { all } = sessions
  return { sessions: all.slice(0, MAX_SHOWN).map(sessionView), count: all.length }
}

function sessionView({ facts, pid, state }: LiveSession): SessionView {
  return { ...facts, since: facts.since.toISOString(), pid, state }
}
