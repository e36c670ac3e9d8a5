import type { Transfer } from '../activity/transfer.ts'
import type { Services } from '../services.ts'
import { turns } from '../turns.ts'
import { dataRows } from './rows.ts'

/** The transfers under way, then those that have ended, the last first: for blobgres.transfers, as JSON. */
export async function* transferRows(
  { transfers: { live, finished }, conversions }: Pick<Services, 'transfers' | 'conversions'>,
  encoding: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const turn = turns(signal)
  for (const transfer of [...live, ...finished.toReversed()]) {
    yield await dataRows([[JSON.stringify(columnsOf(transfer))]], texts => conversions.encodeShown(texts, encoding))
    await turn()
  }
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
