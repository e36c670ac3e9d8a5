import type { Client } from 'pg'
import type { BackendConfig, TargetSessionAttrs } from '../config/backend-url.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { connectAdmin, isInRecovery } from './admin.ts'

/** Whether a standby is asked for; undefined: it does not matter. */
const WANTS_STANDBY: Readonly<Record<TargetSessionAttrs, readonly (boolean | undefined)[]>> = {
  any: [undefined],
  'read-write': [false],
  primary: [false],
  'read-only': [true],
  standby: [true],
  'prefer-standby': [true, undefined],
}

export const hostsOf = (backend: BackendConfig): readonly BackendConfig[] => [backend, ...(backend.others ?? [])]

/** Connects to the first of the servers that is as asked for, as libpq does. @throws PgError what is wrong with the last one. */
export async function connectToChosen(configured: BackendConfig): Promise<{ backend: BackendConfig; admin: Client }> {
  const { targetSessionAttrs = 'any' } = configured
  let wrong: unknown
  for (const wantsStandby of WANTS_STANDBY[targetSessionAttrs]) {
    for (const backend of hostsOf(configured)) {
      try {
        const admin = await connectAdmin(backend)
        const isWanted =
          wantsStandby === undefined || (await isInRecovery(admin).catch(() => undefined)) === wantsStandby
        if (isWanted) return { backend, admin }
        await admin.end()
        wrong = isNot(backend, wantsStandby)
      } catch (error) {
        wrong = error
      }
    }
  }
  throw wrong
}

function isNot({ host, port }: BackendConfig, wantsStandby: boolean): PgError {
  return new PgError({
    message: `blobgres: the server at ${host}:${port} is ${wantsStandby ? 'not ' : ''}in hot standby mode`,
    code: SQLSTATE.sqlclientUnableToEstablishSqlconnection,
  })
}
