import type { Transfer } from '../activity/transfer.ts'
import type { Transfers } from '../activity/transfers.ts'

/** The transfers under way, then those that have ended, the last first: for blobgres.transfers, as JSON. */
export function* transferRows({ live, finished }: Pick<Transfers, 'live' | 'finished'>): Generator<string[]> {
  for (const transfer of [...live, ...finished.toReversed()]) yield [JSON.stringify(columnsOf(transfer))]
}

function columnsOf(transfer: Transfer): object {
  const { facts, state, end, bytes, totalBytes, rows, bytesPerSecond, since } = transfer
  const { session, pid, user, database, ...others } = facts
  return {
    ...{ session, pid, usename: user, datname: database, ...others, state: end?.outcome ?? state },
    ...{ bytes, total_bytes: totalBytes, rows, bytes_per_second: Math.round(bytesPerSecond) },
    ...{ since, ended_at: end?.at, sqlstate: end?.sqlstate },
  }
}
