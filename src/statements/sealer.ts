import { databaseName, sealForStatement, sealPassphrase } from '../credentials/sealing.ts'
import { copyPart } from '../operations/server-copy-part.ts'
import type { Services } from '../services.ts'
import type { Session } from '../session/session.ts'
import type { SealOne } from '../sql/credential-config.ts'
import type { CopyPartWriter } from './script.ts'

/** Seals what a session's statements hold, for them alone. */
export function sealerFor(session: Pick<Session, 'backendPid'>, services: Services, database: string): SealOne {
  return (clear, account, form) => {
    if (form === 'passphrase') return sealPassphrase(clear, services.sealingKey)
    const recipient = { account, pid: session.backendPid, database: databaseName(Buffer.from(database)) }
    return sealForStatement(clear, recipient, services.sealingKey)
  }
}

/** What the server's functions take in the place of a COPY, for that session alone. */
export function copyPartWriterFor(
  session: Pick<Session, 'backendPid' | 'parameters'>,
  { sealingKey }: Services,
  database: string,
): CopyPartWriter {
  return (copy, text) => {
    const encoding = session.parameters.get('client_encoding') ?? 'UTF8'
    const recipient = { pid: session.backendPid, database: databaseName(Buffer.from(database)) }
    return copyPart(copy, { text, encoding }, recipient, sealingKey)
  }
}
