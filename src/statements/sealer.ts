import { databaseName, sealForStatement, sealPassphrase } from '../credentials/sealing.ts'
import type { Services } from '../services.ts'
import type { Session } from '../session/session.ts'
import type { SealOne } from '../sql/credential-config.ts'

/** Seals what a session's statements hold, for them alone. */
export function sealerFor(session: Pick<Session, 'backendPid'>, services: Services, database: string): SealOne {
  return (clear, account, form) => {
    if (form === 'passphrase') return sealPassphrase(clear, services.sealingKey)
    const recipient = { account, pid: session.backendPid, database: databaseName(Buffer.from(database)) }
    return sealForStatement(clear, recipient, services.sealingKey)
  }
}
