import type { Transfer } from '../activity/transfer.ts'
import { readBlobRows } from '../operations/blob-get.ts'
import type { InterruptedReads } from '../operations/interrupted-reads.ts'
import { filesOf } from '../operations/matching-files.ts'
import { openContainer } from '../operations/open-blob.ts'
import type { RowsOfBlob } from '../operations/rows-of-blob.ts'
import { readCopyColumns, readCopyRows, type ServerCopy } from '../operations/server-copy.ts'
import type { Services } from '../services.ts'

/** What GET asks for. @throws PgError */
export async function* readRows(
  services: Services & { readonly interruptedReads: InterruptedReads },
  request: RowsOfBlob,
  copy: ServerCopy | undefined,
  signal: AbortSignal,
  transfer?: Transfer,
): AsyncGenerator<Buffer> {
  const container = await openContainer(services, copy ?? request, request.grant, request.databaseName)
  const pattern = copy === undefined ? request.path : copy.plan.files?.pattern
  const files = await filesOf(services, container, { ...request, pattern }, transfer, signal)
  if (copy) yield* readCopyRows(services, copy, files, signal, transfer)
  else yield* readBlobRows(services, request, files, services.interruptedReads, signal, transfer)
}

/** What NAMES asks for. @throws PgError */
export async function readNames(services: Services, copy: ServerCopy, signal: AbortSignal) {
  const container = await openContainer(services, copy, copy.grant, copy.databaseName)
  return await readCopyColumns(services, copy, container.blob(copy.path), signal)
}
