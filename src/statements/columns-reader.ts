import { readAccess } from '../credentials/access.ts'
import { databaseName } from '../credentials/sealing.ts'
import { readBlobColumns } from '../operations/blob-columns.ts'
import { openContainer } from '../operations/open-blob.ts'
import { PgError, queryCanceled } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { Services } from '../services.ts'
import type { Session } from '../session/session.ts'
import { isAscii } from '../sql/encoding.ts'
import { isUnsafeEncoding } from '../sql/query-text.ts'
import type { BlobColumnsReader } from './match-columns.ts'

/** Until the client cancels, or its statement_timeout is over. */
export function columnsReaderFor(
  session: Pick<Session, 'parameters' | 'backendPid'>,
  services: Services,
  database: string,
): BlobColumnsReader {
  return async (copy, { access, proof, challenge }, backend) => {
    const clientEncoding = session.parameters.get('client_encoding') ?? 'UTF8'
    const question = { account: copy.url.account, challenge, pid: session.backendPid, database }
    const told = readAccess(Buffer.from(access, 'hex'), proof, question, services.sealingKey)
    const container = await openContainer(services, copy.url, told.grant, databaseName(Buffer.from(database)))
    const blob = container.blob(copy.url.path)
    const stop = new AbortController()
    backend.onCancel(() => stop.abort(queryCanceled('user request')))
    const timer =
      told.statementTimeoutMs > 0
        ? setTimeout(() => stop.abort(queryCanceled('statement timeout')), told.statementTimeoutMs)
        : undefined
    try {
      const option = (name: string) => copy.given.find(each => each.name === name)?.value
      const signal = AbortSignal.any([stop.signal, backend.signal])
      const look = { format: copy.format, option }
      const { names, encoding } = await readBlobColumns(services, blob, look, clientEncoding, signal)
      if (names.every(name => isAscii(name.toString('latin1')))) return names
      if (isUnsafeEncoding(clientEncoding)) throw unsafeNames(clientEncoding)
      if (encoding === clientEncoding) return names
      return await Promise.all(names.map(name => services.conversions.convert(name, encoding, clientEncoding)))
    } finally {
      clearTimeout(timer)
      backend.onCancel(undefined)
    }
  }
}

const unsafeNames = (encoding: string): PgError =>
  new PgError({
    message: `azure_storage: the names of a blob's columns must be ASCII text when client_encoding is ${encoding}`,
    code: SQLSTATE.featureNotSupported,
  })
